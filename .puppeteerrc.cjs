// Chrome is found where it is installed, or unpacked from a devDependency on first use (test/browser/chrome.ts):
// installing this package downloads no browser.
module.exports = { skipDownload: true };

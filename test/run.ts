import { parseCLI, startVitest } from "vitest/node";

/**
 * `vitest run` with the same arguments, and a last line that a script can read: `N passed, N failed`, with `, N skipped`
 * where tests were skipped. A file that could not be loaded and an error outside of any test count as failed; so does a
 * run without a single test. With `--all`, Chrome tries all cases of long lists.
 */
const args = process.argv.slice(2);
if (args.includes("--all")) process.env["VITE_ALL"] = "1"; // Vite hands it to pages, too.
const { filter, options } = parseCLI(["vitest", "run", ...args.filter((arg) => arg !== "--all")]);
const vitest = await startVitest("test", filter, { ...options, watch: false });

const count = { passed: 0, failed: vitest.state.getUnhandledErrors().length, skipped: 0, pending: 0 };
for (const module of vitest.state.getTestModules()) {
  const tests = [...module.children.allTests()];
  for (const test of tests) count[test.result().state]++;
  if (module.state() === "failed" && !tests.some((test) => test.result().state === "failed")) count.failed++;
}
await vitest.close();

const failed = count.failed + count.pending;
console.log(`${count.passed} passed, ${failed} failed${count.skipped ? `, ${count.skipped} skipped` : ""}`);
process.exit(failed || !count.passed ? 1 : 0);

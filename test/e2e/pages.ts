import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page, Viewport } from "puppeteer";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";
import { builtSite } from "./built.ts";
import { runInWorkers } from "./spoiled.ts";

/**
 * As strict as can be: no inline scripts or styles, no eval but WebAssembly's, nothing from elsewhere. Icons and cards are
 * data URLs.
 */
export const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:";

/** The worker that runs what readers write is the one script that may make code of text. */
const policyOf = (path: string, policy: string): string =>
  path.includes("course.worker") ? policy.replace("'wasm-unsafe-eval'", "'unsafe-eval'") : policy;

/** Where the site is on its host: not at the root. */
const place = "some/where/else/";

export interface OpenOptions {
  readonly viewport?: Viewport;
  readonly motion?: "reduce";
  /** Runs in the page before its scripts. */
  readonly spoil?: () => void;
  /** Runs in its workers before theirs; default as in the page. Such a page is served without the policy, which would not let it in. */
  readonly spoilWorkers?: () => void;
  /** Faults that the test brings about. */
  readonly allowed?: RegExp;
  /** What the address asks pages to compute with; by default they choose, which is WebAssembly without a GPU. */
  readonly backend?: "webgpu" | "wasm";
}

/**
 * The built site in a browser, for the tests of one file: on a plain static host under a strict policy. A test opens its
 * pages afresh. When it ends they are closed, and none may have had a fault: an error, a missing file, or a request to
 * another host.
 * @param name of the page that `open` opens; default the front page.
 * @param launch starts the browser; by default one that has an adapter, in software if need be.
 * @param served the policy of pages.
 */
export function site(name = "", launch: () => Promise<Browser> = launchChrome, served = policy) {
  let host = "";
  let browser: Browser;
  let strict: Awaited<ReturnType<typeof serveFolder>>;
  let lax: typeof strict;
  const opened: { readonly page: Page; readonly faults: string[] }[] = [];

  beforeAll(async () => {
    host = await mkdtemp(join(tmpdir(), "tilegrad-host-"));
    await mkdir(join(host, place, ".."), { recursive: true });
    await symlink(await builtSite(), join(host, place, "."));
    strict = await serveFolder(host, (path) => ({ "Content-Security-Policy": policyOf(path, served) }));
    lax = await serveFolder(host);
    browser = await launch();
  });
  afterEach(async () => {
    const ended = opened.splice(0);
    await Promise.all(ended.map(({ page }) => page.close()));
    expect(ended.flatMap(({ faults }) => faults)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([strict?.close(), lax?.close()]);
    await rm(host, { recursive: true });
  });

  const openPage = async (path: string, options: OpenOptions = {}): Promise<Page> => {
    const { spoil, spoilWorkers = spoil, motion, viewport, allowed, backend } = options;
    const url = `${(spoilWorkers ? lax : strict).url}${place}`;
    const page = await browser.newPage();
    const faults: string[] = [];
    opened.push({ page, faults });
    const fault = (text: string) => allowed?.test(text) || faults.push(text);
    page.setDefaultTimeout(120_000);
    page.on("console", (message) => message.type() === "error" && fault(message.text()));
    page.on("pageerror", (error) => fault(String(error)));
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url)) fault(request.url());
    });
    page.on("response", (response) => {
      if (response.status() >= 400) fault(`${response.status()} ${response.url()}`);
    });
    await page.setViewport(viewport ?? { width: 1280, height: 900 });
    if (motion) await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: motion }]);
    if (spoil) await page.evaluateOnNewDocument(spoil);
    if (spoilWorkers) await page.evaluateOnNewDocument(runInWorkers, `(${spoilWorkers})();`);
    const asked = backend ? path.replace(/(?=#|$)/, `?backend=${backend}`) : path;
    await page.goto(`${url}${asked}`, { waitUntil: "load" });
    return page;
  };
  return {
    openPage,
    /** @param hash is the state in the page's address. */
    open: (hash = "", options?: OpenOptions) => openPage(`${name && `${name}/`}${hash}`, options),
    /** Where the front page is. */
    get url() {
      return `${strict.url}${place}`;
    },
  };
}

export const text = (page: Page, selector: string) => page.$eval(selector, (element) => element.textContent!);

/** The number that an element shows. */
export const number = async (page: Page, selector: string) =>
  Number((await text(page, selector)).replaceAll(",", "").replace("−", "-"));

/** The state in a page's address. */
export const hash = (page: Page) => page.evaluate(() => location.hash);

export const choose = (page: Page, label: string, value: string) =>
  page.select(`::-p-aria(${label}[role="combobox"])`, value);

export const isDisabled = (page: Page, selector: string) =>
  page.$eval(selector, (control) => (control as HTMLButtonElement).disabled);

/** Waits until an element shows another text than before. Conditions in a page must not throw: they would wait forever. */
export const showsAnother = (page: Page, selector: string, before: string) =>
  page.waitForFunction(
    (selector, before) => ![undefined, before].includes(document.querySelector(selector)?.textContent),
    {},
    selector,
    before,
  );

/** Drops files on an element, as from the desktop. @param files contents by name. */
export const dropFiles = (page: Page, selector: string, files: Readonly<Record<string, string | Uint8Array>>) =>
  page.evaluate(
    async (selector, files) => {
      const data = new DataTransfer();
      for (const [name, base64] of files)
        data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name));
      const init = { dataTransfer: data, bubbles: true, cancelable: true };
      document.querySelector(selector)!.dispatchEvent(new DragEvent("drop", init));
    },
    selector,
    Object.entries(files).map(([name, content]) => [name, Buffer.from(content).toString("base64")] as const),
  );

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { Browser, Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";
import { small } from "../recordings.ts";
import { builtSite } from "./built.ts";
import { openPage, text } from "./pages.ts";

/* The built page under a policy without inline scripts, inline styles and eval. It needs no GPU. */

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:";
let folder = "";
let browser: Browser;
let server: Awaited<ReturnType<typeof serveFolder>>;
beforeAll(async () => {
  folder = await builtSite();
  server = await serveFolder(folder, { "Content-Security-Policy": policy });
  browser = await launchChrome();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

const open = async (hash = "", options: Omit<Parameters<typeof openPage>[2], "path"> = {}) => {
  const opened = await openPage(browser, server.url, { ...options, path: `inside/${hash}` });
  await opened.page.waitForSelector(".timeline .span, .notice");
  return opened;
};

const panel = (page: Page) => text(page, ".panel");
const hash = (page: Page) => page.evaluate(() => decodeURIComponent(location.hash));

/** Drops a file on the page, as from the desktop. */
const drop = (page: Page, name: string, content: string) =>
  page.evaluate(
    (name, content) => {
      const data = new DataTransfer();
      data.items.add(new File([content], name));
      const init = { dataTransfer: data, bubbles: true, cancelable: true };
      document.querySelector(".inside")!.dispatchEvent(new DragEvent("drop", init));
    },
    name,
    content,
  );

describe("the page", () => {
  test("shows an example at once, and explains dispatches, buffers, nodes and numbers", async () => {
    const { page, faults } = await open();
    expect(await text(page, "#dispatches")).toMatch(/^\d+$/);
    const sizes = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
    const scripts = sizes.filter((url) => url.endsWith(".js"));
    const bytes = await Promise.all(
      scripts.map(async (url) => gzipSync(await readFile(join(folder, new URL(url).pathname))).length),
    );
    expect(bytes.reduce((sum, size) => sum + size, 0) / 1024).toBeLessThan(120);

    await page.$eval(".timeline svg", (svg) => (svg as SVGElement).focus());
    await page.keyboard.press("ArrowRight");
    expect(await hash(page)).toBe("#pick=d0");
    const first = await panel(page);
    for (const word of [
      "matmul[16x128x784]+add+relu",
      "Why ",
      "shaders/matmul.wgsl.ts",
      "operations per byte",
      "Norm",
      "@compute",
    ])
      expect(first).toContain(word);
    expect(await page.$$eval(".wgsl .keyword", (all) => all.length)).toBeGreaterThan(10);
    const ticks = () => page.$$eval(".tick text", (all) => all.map((each) => each.textContent).join());
    const before = await ticks();
    await page.keyboard.press("+");
    await page.waitForFunction(
      (old) => [...document.querySelectorAll(".tick text")].map((each) => each.textContent).join() !== old,
      {},
      before,
    );

    await page.click(".buffer");
    expect(await panel(page)).toMatch(/Life.*Maker.*Shares memory with/s);
    expect(await page.$$(".need.peak")).not.toHaveLength(0);

    await page.click(".choices label:first-of-type");
    await page.type("#search", "add [16, 10]");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".panel h2")?.textContent === "add");
    expect(await panel(page)).toMatch(/Then|Reads.*Read by.*Becomes/s);

    await page.click("::-p-aria(Follow this number)");
    await page.waitForSelector(".path li");
    const path = await text(page, ".path");
    expect(path).toContain("Its product is a sum of 128 terms");
    expect(path).toMatch(/x \[16, 784\]: 784 of 12544 lit/);

    await page.select("::-p-aria(Arrange[role='combobox'])", "layers");
    await page.waitForSelector(".layers tbody tr");
    expect(await hash(page)).toMatch(/^#stage=built&arrange=layers&pick=n\d+$/);
    await page.reload();
    await page.waitForFunction(() => document.querySelector(".panel h2")?.textContent === "add");
    expect(faults).toEqual([]);
    await page.close();
  });

  test("opens a file, keeps it for a reload, names what is wrong with another, and makes a Chrome trace", async () => {
    const { page, faults } = await open();
    await drop(page, "mine.json", JSON.stringify(small));
    await page.waitForFunction(() => document.querySelector("#title")?.textContent === "mine.json");
    expect(await text(page, "#dispatches")).toBe("2");
    await drop(page, "trace.json", '{"traceEvents": []}');
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toContain(
      'trace.json: the file has no field "format", expected "tilegrad.recording"',
    );
    await drop(page, "damaged.json", JSON.stringify({ ...small, steps: "0" }));
    await page.waitForFunction(() => document.querySelector(".notice")?.textContent?.includes("damaged"));
    expect(await text(page, ".notice")).toContain('damaged.json: steps is "0", expected a list');
    expect(await text(page, "#title")).toBe("mine.json");
    await page.waitForFunction(() => location.hash === "#open=last");
    await page.reload();
    await page.waitForFunction(() => document.querySelector("#dispatches")?.textContent === "2");
    const saved = page.evaluate(
      () =>
        new Promise<string>((resolve) => {
          const make = URL.createObjectURL.bind(URL);
          URL.createObjectURL = (blob) => {
            void (blob as Blob).text().then(resolve);
            return make(blob);
          };
        }),
    );
    await page.click("::-p-aria(Chrome trace)");
    expect(JSON.parse(await saved).traceEvents.map(({ name }: { name: string }) => name)).toContain(
      "matmul[2x2x2]:f32",
    );
    expect(faults).toEqual([]);
    await page.close();
  });

  test("takes a recording from the page that opened it", async () => {
    const { page } = await openPage(browser, server.url, { path: "inside/" });
    const opened = new Promise<Page>((resolve) => page.once("popup", (popup) => resolve(popup!)));
    await page.evaluate(
      (recording) => {
        const tab = window.open("#open=opener")!;
        addEventListener("message", ({ source, data }) => {
          if (source === tab && data.tilegrad === "inside")
            tab.postMessage({ tilegrad: "recording", recording, title: "sent" }, "*");
        });
      },
      small as unknown as Record<string, never>,
    );
    const tab = await opened;
    await tab.waitForFunction(() => document.querySelector("#title")?.textContent === "sent");
    expect(await text(tab, "#dispatches")).toBe("2");
    await tab.close();
    await page.close();
  });

  test.each([
    ["light", 1280],
    ["dark", 390],
  ] as const)("passes axe in %s mode at %i px, and nothing leaves the page", async (scheme, width) => {
    const { page, faults } = await open("#stage=built&pick=d0", { viewport: { width, height: 844 } });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.waitForSelector(".wgsl");
    await page.evaluate(axe.source);
    type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    const violations = await page.evaluate(
      async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations,
    );
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)}`)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(faults).toEqual([]);
    await page.close();
  });
});

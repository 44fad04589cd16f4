import { existsSync, readdirSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";
import { builtSite } from "./built.ts";
import { draw, openPage, text } from "./pages.ts";
import { serveStrictly, violations, withoutWebGPU } from "./served.ts";

/*
 * The output of `npm run site`, served by a plain static host from a path that is not its root, under a strict policy.
 */

const demos = new URL("../../demos/", import.meta.url).pathname;
/** Every folder with a page: new ones are held to all of this at once. */
const pages = readdirSync(demos).filter((folder) => existsSync(join(demos, folder, "index.html")) && folder !== "dist");

const path = "some/where/else/";
let host = "";
let browser: Browser;
let server: Awaited<ReturnType<typeof serveFolder>>;
/** The same without a policy, for tests that run code in workers first. */
let spoiled: typeof server;
beforeAll(async () => {
  host = await mkdtemp(join(tmpdir(), "tilegrad-host-"));
  await cp(await builtSite(), join(host, path), { recursive: true });
  server = await serveStrictly(host);
  spoiled = await serveFolder(host);
  browser = await launchChrome();
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([server?.close(), spoiled?.close()]);
  await rm(host, { recursive: true });
});

const open = (page: string, options: Omit<Parameters<typeof openPage>[2], "path"> = {}) =>
  openPage(browser, `${server.url}${path}`, { ...options, path: page === "" ? "" : `${page}/` });

test("is small enough for any host", async () => {
  const entries = await readdir(host, { recursive: true, withFileTypes: true });
  const sizes = entries.map(async (entry) =>
    entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
  );
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  expect(bytes / 2 ** 20).toBeLessThan(18);
});

test("leads from the list of demos to digits that are read", async () => {
  const { page, faults } = await openPage(browser, `${server.url}${path}`, { path: "" });
  await page.click("a[href='digits/']");
  await page.waitForSelector("#play");
  expect(page.url()).toMatch(`${server.url}${path}digits/`);
  await page.waitForFunction(() => Number(document.querySelector("#steps")?.textContent) > 0);
  await page.select("::-p-aria(Network[role='combobox'])", "mlp"); // the fast one
  await page.waitForFunction(
    () => Number.parseFloat(document.querySelector("#accuracy-test-mlp")?.textContent ?? "") > 85,
  );
  await draw(page, [
    [
      [0.5, 0.15],
      [0.5, 0.5],
      [0.5, 0.85],
    ],
  ]);
  await page.waitForFunction(() => document.querySelector("#verdict strong")?.textContent === "1");
  await page.click(".home");
  await page.waitForSelector("a[href='digits/']");
  expect(page.url()).toBe(`${server.url}${path}`);
  expect(faults).toEqual([]);
  await page.close();
});

describe("the front page", () => {
  test("leads to every page, with a miniature that moves", async () => {
    const { page, faults } = await open("");
    const links = await page.$$eval("a.demo", (all) => all.map((link) => link.getAttribute("href")));
    expect(links.toSorted()).toEqual(pages.map((name) => `${name}/`).toSorted());
    for (const link of links) {
      const canvas = `a[href='${link}'] canvas`;
      await page.$eval(canvas, (element) => element.scrollIntoView());
      await page.waitForSelector(`${canvas}[data-state=loaded]`);
      const picture = () => page.$eval(canvas, (element) => (element as HTMLCanvasElement).toDataURL());
      const first = await picture();
      await page.waitForFunction(
        (canvas, first) => document.querySelector<HTMLCanvasElement>(canvas)!.toDataURL() !== first,
        {},
        canvas,
        first,
      );
    }
    await page.click("a.demo");
    await page.waitForSelector(".home");
    expect(page.url()).toContain(`${server.url}${path}${links[0]}`);
    await page.click(".home");
    await page.waitForSelector("a.demo");
    expect(page.url()).toBe(`${server.url}${path}`);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("stands still for those who want little motion, and shows how each run ended", async () => {
    const { page } = await open("");
    await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
    await page.reload();
    await page.waitForSelector("canvas[data-state=loaded]");
    const frames = await page.evaluate(async () => {
      const canvas = document.querySelector("canvas")!;
      const seen = new Set<string>();
      for (let i = 0; i < 20; i++) {
        await new Promise(requestAnimationFrame);
        seen.add(canvas.toDataURL());
      }
      return seen.size;
    });
    expect(frames).toBe(1);
    await page.close();
  });
});

/** What a page says of the GPU once it has started. */
const spoken = ".adapter, .unsupported, .notice";

describe.each(["", ...pages])("the page %j", (name) => {
  // The look inside does not hold to all of this yet.
  test.skipIf(name === "inside")(
    "opens without a fault, says what it is and on what it runs, and passes axe",
    async () => {
      const { page, faults } = await open(name);
      expect(await page.title()).toMatch(/ · tilegrad$/);
      expect(
        await page.$eval("meta[name=description]", (meta) => (meta as HTMLMetaElement).content.length),
      ).toBeGreaterThan(20);
      if (name !== "") {
        await page.waitForSelector(spoken);
        expect(await text(page, ".adapter")).toMatch(/\S/);
      }
      for (const scheme of ["light", "dark"]) {
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        expect(await violations(page), scheme).toEqual([]);
      }
      await page.setViewport({ width: 390, height: 844 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
      expect(await violations(page), "390 pixels").toEqual([]);
      expect(faults).toEqual([]);
      await page.close();
    },
  );

  test.skipIf(name === "")("without WebGPU says what to do, unless it needs none", async () => {
    const { page, faults } = await openPage(browser, `${spoiled.url}${path}`, {
      path: `${name}/`,
      spoil: withoutWebGPU,
    });
    const said = ".unsupported, .adapter";
    await page.waitForSelector(said, { visible: true });
    expect(await text(page, said)).toMatch(/Chrome or Edge.*Safari.*Firefox|^Recorded on /s);
    expect(faults).toEqual([]);
    await page.close();
  });
});

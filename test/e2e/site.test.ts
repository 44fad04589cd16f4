import { cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";
import { builtSite } from "./built.ts";
import { draw, openPage } from "./pages.ts";

/*
 * The output of `npm run site`, served by a plain static host from a path that is not its root, under a strict policy.
 */

/** As strict as can be: no inline scripts, no eval, nothing from elsewhere. The icon is a data URL. */
const policy =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:";
const path = "some/where/else/";
let host = "";
let browser: Browser;
let server: Awaited<ReturnType<typeof serveFolder>>;
beforeAll(async () => {
  host = await mkdtemp(join(tmpdir(), "tilegrad-host-"));
  await cp(await builtSite(), join(host, path), { recursive: true });
  server = await serveFolder(host, { "Content-Security-Policy": policy });
  browser = await launchChrome();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(host, { recursive: true });
});

test("is small enough for any host", async () => {
  const entries = await readdir(host, { recursive: true, withFileTypes: true });
  const sizes = entries.map(async (entry) =>
    entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
  );
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  expect(bytes / 2 ** 20).toBeLessThan(13);
});

test("leads from the list of demos to digits that are read", async () => {
  const { page, faults } = await openPage(browser, `${server.url}${path}`, { path: "" });
  expect(await page.$eval("img", (image) => image.naturalWidth)).toBeGreaterThan(0);
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

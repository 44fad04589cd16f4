import { existsSync, readdirSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { builtSite } from "./built.ts";
import { draw } from "./drawing.ts";
import { expectAccessible } from "./judged.ts";
import { type OpenOptions, site, text } from "./pages.ts";
import { withoutAdapter, withoutWebGPU } from "./spoiled.ts";

/* What holds for every page of the site. */

const demos = new URL("../../demos/", import.meta.url).pathname;
/** Every folder with a page: new ones are held to all of this at once. */
const pages = readdirSync(demos).filter((folder) => existsSync(join(demos, folder, "index.html")) && folder !== "dist");

const front = site();

test("is small enough for any host", async () => {
  const entries = await readdir(await builtSite(), { recursive: true, withFileTypes: true });
  const sizes = entries.map(async (entry) =>
    entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
  );
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  expect(bytes / 2 ** 20).toBeLessThan(25);
});

test("leads from the list of demos to digits that are read", async () => {
  const page = await front.open();
  await page.click("a[href='digits/']");
  await page.waitForSelector("#play");
  expect(page.url()).toMatch(`${front.url}digits/`);
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
  expect(page.url()).toBe(front.url);
});

describe("the front page", () => {
  test("leads to every page, with a miniature that moves", async () => {
    const page = await front.open();
    const links = await page.$$eval("a.demo", (all) => all.map((link) => link.getAttribute("href")));
    expect(links.toSorted()).toEqual(pages.map((name) => `${name}/`).toSorted());
    for (const link of links) {
      const canvas = `a[href='${link}'] canvas`;
      await page.$eval(canvas, (element) => element.scrollIntoView());
      await page.waitForSelector(`${canvas}[data-state=loaded]`);
      const picture = () => page.$eval(canvas, (element) => (element as HTMLCanvasElement).toDataURL());
      const first = await picture();
      await page.waitForFunction(
        (canvas, first) => ![undefined, first].includes(document.querySelector<HTMLCanvasElement>(canvas)?.toDataURL()),
        {},
        canvas,
        first,
      );
    }
    await page.click("a.demo");
    await page.waitForSelector(".home");
    expect(page.url()).toContain(`${front.url}${links[0]}`);
    await page.click(".home");
    await page.waitForSelector("a.demo");
    expect(page.url()).toBe(front.url);
  });

  test("stands still for those who want little motion, and shows how each run ended", async () => {
    const page = await front.open("", { motion: "reduce" });
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
  });
});

/** Pages to read, one of each kind: a unit test checks what all of them consist of, and their links. */
describe.each(["guides/", "guides/data.html", "reference/", "reference/nn.html"])("the page %j", (name) => {
  test("opens without a fault, says what it is, and passes axe", async () => {
    const page = await front.openPage(name);
    expect(await page.title()).toMatch(/ · tilegrad$/);
    const description = await page.$eval("meta[name=description]", (meta) => (meta as HTMLMetaElement).content);
    expect(description.length).toBeGreaterThan(20);
    await page.waitForSelector("#search");
    await expectAccessible(page);
  });
});

describe("the search", () => {
  test("begins with a key, is walked through with arrows, and leads to a name", async () => {
    const page = await front.openPage("guides/data.html");
    await page.waitForSelector("#search");
    await page.keyboard.press("/");
    await page.keyboard.type("dropout");
    await page.waitForSelector(".found a[href$='reference/nn.html#dropout']");
    expect(await page.$eval("#search", (field) => (field as HTMLInputElement).value)).toBe("dropout");
    await expectAccessible(page);
    await page.keyboard.press("ArrowDown");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    expect(page.url()).toBe(`${front.url}reference/nn.html#dropout`);
    expect(await text(page, "#dropout pre")).toMatch(/^dropout\(p: number = 0\.5, source\?: Random\): Module$/);
  });

  test("says when it finds nothing, and finds lessons and guides from the front page", async () => {
    const page = await front.open();
    await page.waitForSelector("#search");
    await page.type("#search", "qqqq");
    await page.waitForFunction(() => document.querySelector(".found")?.textContent === "Nothing found.");
    await page.keyboard.press("Escape");
    await page.type("#search", "keras");
    const link = await page.waitForSelector(".found a[href='guides/from-keras.html']");
    await Promise.all([page.waitForNavigation(), link!.click()]);
    expect(page.url()).toBe(`${front.url}guides/from-keras.html`);
  });
});

/** What a page says of the GPU once it has started. */
const spoken = ".adapter, .unsupported, .notice";

/** What a page whose address asks for WebGPU says of what a browser lacks, with what to do. */
const lacks = [
  ["without WebGPU", withoutWebGPU, /only through WebGPU.*Chrome or Edge.*Safari.*Firefox/s],
  ["without an adapter", withoutAdapter, /no graphics processor.*Chrome or Edge.*Safari.*Firefox/s],
] as const;

describe.each(["", ...pages])("the page %j", (name) => {
  const open = (options?: OpenOptions) => front.openPage(name && `${name}/`, options);

  test("opens without a fault, says what it is and on what it runs, and passes axe", async () => {
    const page = await open();
    expect(await page.title()).toMatch(/ · tilegrad$/);
    const description = await page.$eval("meta[name=description]", (meta) => (meta as HTMLMetaElement).content);
    expect(description.length).toBeGreaterThan(20);
    if (name !== "") {
      await page.waitForSelector(spoken);
      expect(await text(page, ".adapter")).toMatch(/\S/);
    }
    await expectAccessible(page);
  });

  test.runIf(name !== "").each(lacks)(
    "%s says what to do if its address asks for it, unless it needs none",
    async (_, spoil, said) => {
      const page = await open({ spoil, backend: "webgpu" });
      await page.waitForSelector(".unsupported, .adapter", { visible: true });
      if (name === "inside") return expect(await text(page, ".adapter")).toMatch(/^Recorded (on|in) /);
      expect(await text(page, ".unsupported")).toMatch(said);
      // Nothing to start, but a way out.
      expect(await page.$("#play, #measure")).toBeNull();
      await page.click(".unsupported a");
      await page.waitForSelector(".adapter");
      expect(await text(page, ".adapter")).toMatch(
        /^Runs in WebAssembly on the CPU \(1 thread\): (no WebGPU in this browser|this browser found no GPU it may use)\.$/,
      );
    },
  );
});

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page, Viewport } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Digits, imageAt, side } from "../../demos/mnist/dataset.ts";
import { readMnist } from "../../demos/mnist/terminal/read.ts";
import { io } from "../../src/index.ts";
import { launchChrome } from "../browser/chrome.ts";
import { serveDemos } from "../browser/demos.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof serveDemos>>;
let digits: Digits;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-page-"));
  digits = (await readMnist()).test;
  server = await serveDemos();
  browser = await launchChrome();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true });
});

describe("the page", () => {
  test("trains, reads what is drawn meanwhile, pauses, saves, resets and loads", async () => {
    const { page, faults } = await open();
    await ready(page);
    expect(await text(page, "#adapter")).not.toBe("–");
    expect(await text(page, "#memory")).toMatch(/^\d+\.\d MiB$/);

    await page.click("#run");
    await page.waitForFunction(() => document.querySelector("#loss")!.textContent !== "–");
    const early = Number(await text(page, "#loss"));
    await page.waitForFunction(() => Number.parseFloat(document.querySelector("#accuracy")!.textContent!) > 93);
    expect(Number(await text(page, "#loss"))).toBeLessThan(early / 2);
    expect(await text(page, "#speed")).toMatch(/^[\d,]+ images\/s$/);
    expect(await text(page, "#status")).toMatch(/^Epoch \d+ of 10$/);

    // Test images 0 to 2 show 7, 2 and 1.
    for (const index of [0, 1, 2]) {
      await page.click("#clear");
      await draw(page, strokesOf(imageAt(digits, index)));
      // Training goes on: a guess of a moment ago may still be on the way.
      const right = (label: string) => document.querySelector("#verdict strong")?.textContent === label;
      await page.waitForFunction(right, {}, String(digits.y.data[index]));
    }
    const shares = await page.$$eval("#probabilities li span", (spans) =>
      spans.map((span) => Number.parseFloat(span.textContent!)),
    );
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(100, 0);

    await page.click("#run");
    await page.waitForFunction(() => document.querySelector("#status")!.textContent!.startsWith("Paused in epoch"));
    const file = await download(page);
    const { tensors } = io.parseSafetensors(await readFile(file));
    expect([...tensors.keys()]).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);

    await page.click("#example");
    await page.waitForFunction(() =>
      /^Test image [\d,]+, a \d$/.test(document.querySelector("#caption")!.textContent!),
    );
    await page.focus("#pad");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#hint:not([hidden])");
    await draw(page, strokesOf(imageAt(digits, 2)));

    await page.click("#reset");
    await page.waitForFunction(() => document.querySelector("#status")!.textContent!.startsWith("Ready"));
    expect(await text(page, "#accuracy")).toBe("–");
    const chosen = (await page.$("#file")) as Awaited<ReturnType<Page["$"]>> & {
      uploadFile(path: string): Promise<void>;
    };
    await chosen.uploadFile(file);
    await page.waitForFunction(() => Number.parseFloat(document.querySelector("#accuracy")!.textContent!) > 93);
    await page.waitForFunction(() => document.querySelector("#verdict strong")?.textContent === "1");
    expect(faults).toEqual([]);

    await chosen.uploadFile(join(import.meta.dirname, "mnist-page.test.ts"));
    await page.waitForSelector("#notice:not([hidden])");
    expect(await text(page, "#notice")).toMatch(/^mnist-page\.test\.ts: header length/);
    await page.close();
  });

  test("fits a phone, takes a finger, and tells of a lost GPU", async () => {
    const { page, faults } = await open(
      () => {
        const { requestDevice } = GPUAdapter.prototype;
        GPUAdapter.prototype.requestDevice = async function (descriptor) {
          const device = await requestDevice.call(this, descriptor);
          Object.assign(globalThis, { lose: () => device.destroy() });
          return device;
        };
      },
      "mnist/",
      { width: 360, height: 740, isMobile: true, hasTouch: true },
    );
    await ready(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);

    const before = await page.$eval("#pad", (pad) => {
      pad.scrollIntoView({ block: "center" });
      return scrollY;
    });
    const { x, y, width } = (await (await page.$("#pad"))!.boundingBox())!;
    await page.touchscreen.touchStart(x + width / 2, y + 0.2 * width);
    for (let step = 1; step <= 10; step++) {
      await page.touchscreen.touchMove(x + width / 2, y + (0.2 + 0.06 * step) * width);
    }
    await page.touchscreen.touchEnd();
    await page.waitForSelector("#probabilities .best");
    expect(await page.evaluate(() => scrollY)).toBe(before);
    expect(faults).toEqual([]);

    await page.click("#run");
    await page.waitForFunction(() => document.querySelector("#status")!.textContent!.startsWith("Epoch"));
    await page.evaluate(() => (globalThis as unknown as { lose(): void }).lose());
    await page.waitForSelector("#notice:not([hidden])");
    expect(await text(page, "#notice")).toMatch(/GPU.*lost/);
    await page.close();
  });

  test.each([
    ["no WebGPU", () => Object.defineProperty(Navigator.prototype, "gpu", { value: undefined }), /WebGPU is the way/],
    ["no adapter", () => Object.assign(GPU.prototype, { requestAdapter: async () => null }), /no graphics processor/],
  ])("with %s says what to do", async (_, spoil, reason) => {
    const { page, faults } = await open(spoil);
    await page.waitForSelector("#unsupported:not([hidden])");
    expect(await text(page, "#unsupported")).toMatch(reason);
    expect(await text(page, "#unsupported")).toMatch(/Chrome or Edge.*Safari.*Firefox/s);
    expect(await page.$eval("#demo", (demo) => (demo as HTMLElement).hidden)).toBe(true);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("is found from the list of demos", async () => {
    const { page, faults } = await open(undefined, "");
    await page.waitForSelector("a[href='mnist/']");
    expect(faults).toEqual([]);
    await page.close();
  });
});

/** Opens a page and collects what should not happen on it: errors, and requests to other servers. */
async function open(
  spoil?: () => void,
  path = "mnist/",
  viewport: Viewport = { width: 1280, height: 900 },
): Promise<{ page: Page; faults: string[] }> {
  const faults: string[] = [];
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(server.url)) faults.push(request.url());
  });
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  await page.setViewport(viewport);
  if (spoil) await page.evaluateOnNewDocument(spoil);
  await page.goto(`${server.url}${path}`, { waitUntil: "load" });
  return { page, faults };
}

const ready = (page: Page) =>
  page.waitForFunction(() => document.querySelector("#run")!.textContent === "Start training");

const text = (page: Page, selector: string) => page.$eval(selector, (element) => element.textContent!);

type Point = readonly [x: number, y: number];

/** Lines through the dark pixels of an image, each to the nearest that is left, 0 … 1 from the image's corner. */
function strokesOf(image: Uint8Array): Point[][] {
  const left = new Set([...image.keys()].filter((i) => image[i]! > 200));
  const at = (i: number): Point => [i % side, Math.floor(i / side)];
  const distance = (i: number, j: number) => Math.hypot(at(i)[0] - at(j)[0], at(i)[1] - at(j)[1]);
  const strokes: number[][] = [];
  while (left.size > 0) {
    const last = strokes.at(-1)?.at(-1) ?? 0;
    const next = [...left].reduce((best, i) => (distance(last, i) < distance(last, best) ? i : best));
    if (strokes.length > 0 && distance(last, next) < 2) strokes.at(-1)!.push(next);
    else strokes.push([next]);
    left.delete(next);
  }
  return strokes.map((stroke) => stroke.map((i) => [(at(i)[0] + 0.5) / side, (at(i)[1] + 0.5) / side]));
}

async function draw(page: Page, strokes: readonly Point[][]): Promise<void> {
  const { x, y, width } = (await (await page.$("#pad"))!.boundingBox())!;
  for (const stroke of strokes) {
    for (const [i, point] of stroke.entries()) {
      await page.mouse.move(x + point[0] * width, y + point[1] * width);
      if (i === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }
}

/** Saves the weights with the page's button; the path of the file. */
async function download(page: Page): Promise<string> {
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", {
    behavior: "allow",
    downloadPath: folder,
    eventsEnabled: true,
  });
  const done = new Promise<void>((resolve) => {
    session.on("Browser.downloadProgress", ({ state }) => {
      if (state === "completed") resolve();
    });
  });
  await page.click("#save");
  await done;
  const [name] = await readdir(folder);
  return join(folder, name!);
}

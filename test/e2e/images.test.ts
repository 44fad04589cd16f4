import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { png } from "../../src/plot/png.ts";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";
import { appWithTilegrad, blocksOf } from "./installed.ts";

/* What only pages with addresses and cameras of their own can test. */

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-images-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a canvas that shows another site's image cannot be read, and the error says what to do", async () => {
  const source = (path: string): string => JSON.stringify(join(import.meta.dirname, "../../src", path));
  const script = `
    import { Engine } from ${source("index.ts")};
    import { imageReader } from ${source("images/index.ts")};
    window.read = async (address) => {
      const image = new Image();
      image.src = address;
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 2;
      canvas.getContext("2d").drawImage(image, 0, 0);
      const engine = await Engine.create({ backend: "webgpu" });
      const images = await imageReader(engine, { size: [2, 2] });
      const seen = [image, canvas].map((source) => {
        try {
          return images.read(source).size;
        } catch (error) {
          return error.name + ": " + error.message;
        }
      });
      engine.destroy();
      return seen;
    };`;
  await writeFile(join(folder, "page.js"), script);
  await writeFile(join(folder, "index.html"), `<!doctype html><script type="module" src="./page.js"></script>`);
  await build({ root: folder, configFile: false, logLevel: "warn", build: { outDir: "site", target: "esnext" } });
  await writeFile(
    join(folder, "site/red.png"),
    png(
      Uint8Array.from({ length: 12 }, () => 200),
      2,
      2,
      3,
    ),
  );
  const [here, there] = [await serveFolder(join(folder, "site")), await serveFolder(join(folder, "site"))];
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    await page.goto(here.url);
    const read = (address: string): Promise<unknown> =>
      page.evaluate((from) => (window as unknown as { read(from: string): Promise<unknown> }).read(from), address);
    expect(await read(`${here.url}red.png`)).toEqual([48, 48]);
    const refused = "shows what another site may not read: serve it from this site, or with CORS and crossOrigin set";
    expect(await read(`${there.url}red.png`)).toEqual([
      `FeedError: read: the image (HTMLImageElement) ${refused}`,
      `FeedError: read: the image (HTMLCanvasElement) ${refused}`,
    ]);
  } finally {
    await browser.close();
    await here.close();
    await there.close();
  }
});

test("the guide's page classifies what a camera sees", async () => {
  const app = await appWithTilegrad("camera");
  const [page] = await blocksOf("demos/guides/images.md");
  await writeFile(join(app, "camera.ts"), page!.code);
  await writeFile(join(app, "index.html"), `<!doctype html><body><script type="module" src="./camera.ts"></script>`);
  await build({ root: app, configFile: false, logLevel: "warn", build: { outDir: "site", target: "esnext" } });
  const site = await serveFolder(join(app, "site"));
  const args = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
  const browser = await launchChrome({ args });
  try {
    const page = await browser.newPage();
    const seen = new Promise<number[]>((resolve, reject) => {
      page.on("pageerror", reject);
      page.on("console", async (message) => {
        if (message.type() === "log") resolve(message.args()[0]!.evaluate((p) => Array.from(p as Float32Array)));
      });
    });
    await page.goto(site.url);
    const probabilities = await seen;
    expect(probabilities).toHaveLength(4);
    expect(probabilities.reduce((sum, p) => sum + p)).toBeCloseTo(1, 5);
  } finally {
    await browser.close();
    await site.close();
    await rm(app, { recursive: true });
  }
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { png } from "../../src/plot/png.ts";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";

/* Images of other sites, which only a page with an address of its own has. */

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
      const engine = await Engine.create();
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

import type { Browser, Page, Viewport } from "puppeteer";
import { side } from "../../demos/digits/packs.ts";

/** Opens a page of a server and collects what must not happen: errors, and requests to other hosts. */
export async function openPage(
  browser: Browser,
  url: string,
  {
    path = "",
    viewport = { width: 1280, height: 900 },
    spoil,
    spoilWorkers = spoil,
  }: {
    readonly path?: string;
    readonly viewport?: Viewport;
    /** Runs in the page before its scripts. */
    readonly spoil?: () => void;
    /** Runs in its workers before theirs; default as in the page. */
    readonly spoilWorkers?: () => void;
  } = {},
): Promise<{ page: Page; faults: string[] }> {
  const faults: string[] = [];
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url)) faults.push(request.url());
  });
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  await page.setViewport(viewport);
  if (spoil) await page.evaluateOnNewDocument(spoil);
  if (spoilWorkers) await page.evaluateOnNewDocument(runInWorkers, `(${spoilWorkers})();`);
  await page.goto(`${url}${path}`, { waitUntil: "load" });
  return { page, faults };
}

/** In a page: makes its workers run some code first. */
function runInWorkers(code: string): void {
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      const file = new Blob([code, `await import(${JSON.stringify(new URL(url, document.baseURI).href)});`]);
      super(URL.createObjectURL(new Blob([file], { type: "text/javascript" })), options);
    }
  };
}

export const text = (page: Page, selector: string) => page.$eval(selector, (element) => element.textContent!);

type Point = readonly [x: number, y: number];

/** Lines through the dark pixels of an image, each to the nearest one left, 0 … 1 from the image's corner. */
export function strokesOf(image: Uint8Array): Point[][] {
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

export async function draw(page: Page, strokes: readonly Point[][]): Promise<void> {
  const { x, y, width } = (await (await page.$("#pad"))!.boundingBox())!;
  for (const stroke of strokes) {
    for (const [i, point] of stroke.entries()) {
      await page.mouse.move(x + point[0] * width, y + point[1] * width);
      if (i === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }
}

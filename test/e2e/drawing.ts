import type { Page } from "puppeteer";
import { side } from "../../demos/digits/packs.ts";

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

import { side } from "./packs.ts";

/** Resizes a canvas to 28 × 28 pixels and paints an image as ink, if any. @param color `rgb(…)` */
export function paintImage(canvas: HTMLCanvasElement, image: Uint8Array | undefined, color: string): void {
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d")!;
  if (image) context.putImageData(inkOf(image, color), 0, 0);
}

/** Bytes as pixels of one colour (`rgb(…)`) with varying opacity. */
function inkOf(image: Uint8Array, color: string): ImageData {
  const [red = 0, green = 0, blue = 0] = color.match(/[\d.]+/g)?.map(Number) ?? [];
  const data = new ImageData(side, side);
  image.forEach((byte, i) => {
    data.data.set([red, green, blue, byte], 4 * i);
  });
  return data;
}

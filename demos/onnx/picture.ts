import type { ImageAxes } from "./filling.ts";

/** An image of the visitor's or of the sample. */
export interface Picture {
  readonly name: string;
  readonly bitmap: ImageBitmap;
}

/** @throws Error where the browser cannot read the file. */
export async function pictureOf(file: File): Promise<Picture> {
  try {
    return { name: file.name, bitmap: await createImageBitmap(file) };
  } catch {
    throw new Error(`${file.name} is no image that this browser can read.`);
  }
}

/** An image beside the page. */
export async function loadPicture(url: string, name: string): Promise<Picture> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return { name, bitmap: await createImageBitmap(image) };
}

/** Resizes a canvas, and paints the middle of an image over all of it, on white. @returns its pixels, RGBA. */
export function paint(
  canvas: HTMLCanvasElement,
  { bitmap }: Picture,
  { width, height }: Pick<ImageAxes, "width" | "height">,
): Uint8ClampedArray {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [wide, high] = [width / scale, height / scale];
  context.drawImage(bitmap, (bitmap.width - wide) / 2, (bitmap.height - high) / 2, wide, high, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

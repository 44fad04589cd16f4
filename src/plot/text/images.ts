import { checkWhole, optionsOf } from "../../errors.ts";
import { labelsOf } from "../confusion.ts";
import { type ImageGridOptions, type Images, imagesOf } from "../pixels.ts";

/** How images are drawn with characters. */
export interface ImageGridTextOptions extends Pick<ImageGridOptions, "shape" | "labels" | "range"> {
  /** Characters per line; default 80. */
  readonly columns?: number;
  /** Whether the terminal has 24-bit colours; default false. Without, characters stand for grey. */
  readonly color?: boolean;
}

/** From black to white. */
const shades = " .:-=+*#%@";

/**
 * Images side by side as text for a terminal: a character is one pixel wide and two high. Images that are wider than a
 * line are shown smaller.
 * @param pixels as in `imageGrid`.
 * @returns lines of at most `columns` characters, without a final line break.
 * @throws as `imageGrid`.
 */
export function imageGridText(pixels: ArrayLike<number>, options: ImageGridTextOptions): string {
  const op = "imageGridText";
  const { shape, range, columns, color, ...o } = optionsOf(op, options, {
    shape: undefined,
    labels: undefined,
    range: undefined,
    columns: 80,
    color: false,
  });
  checkWhole(op, "columns", columns, 8);
  const images = imagesOf(op, pixels, shape, range);
  const labels = o.labels === undefined ? undefined : labelsOf(op, o.labels, images.count, "image");
  const step = Math.ceil(images.width / columns);
  const [wide, high] = [Math.ceil(images.width / step), Math.ceil(images.height / (2 * step))];
  const perRow = Math.max(1, Math.floor((columns + 1) / (wide + 1)));
  const lines: string[] = [];
  for (let first = 0; first < images.count; first += perRow) {
    const row = Array.from({ length: Math.min(perRow, images.count - first) }, (_, i) => first + i);
    for (let y = 0; y < high; y++) {
      const cells = row.map((image) =>
        Array.from({ length: wide }, (_, x) => cellOf(images, image, x, y, step, color)),
      );
      lines.push(
        cells
          .map((line) => line.join(""))
          .join(" ")
          .trimEnd(),
      );
    }
    if (labels)
      lines.push(
        row
          .map((image) => labels[image]!.slice(0, wide).padEnd(wide))
          .join(" ")
          .trimEnd(),
      );
  }
  return lines.join("\n");
}

/** The character for two fields of pixels, one above the other. */
function cellOf(images: Images, image: number, x: number, y: number, step: number, color: boolean): string {
  const [top, bottom] = [meanOf(images, image, x, 2 * y, step), meanOf(images, image, x, 2 * y + 1, step)];
  if (color) return `\u001b[38;2;${top.join(";")}m\u001b[48;2;${bottom.join(";")}m▀\u001b[39m\u001b[49m`;
  const grey = [...top, ...bottom].reduce((sum, value) => sum + value, 0) / 6;
  return shades[Math.min(shades.length - 1, Math.floor((grey / 256) * shades.length))]!;
}

/** The mean colour of a field of pixels. Outside of the image all is black. */
function meanOf({ bytes, width, height, channels }: Images, image: number, x: number, y: number, step: number) {
  return [0, 1, 2].map((c) => {
    let sum = 0;
    for (let i = 0; i < step; i++) {
      for (let j = 0; j < step; j++) {
        const [row, column] = [y * step + i, x * step + j];
        if (row >= height || column >= width) continue;
        sum += bytes[((image * height + row) * width + column) * channels + Math.min(c, channels - 1)]!;
      }
    }
    return Math.round(sum / step ** 2);
  });
}

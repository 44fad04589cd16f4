import { checkWhole, counted, optionsOf } from "../errors.ts";
import { labelsOf } from "./confusion.ts";
import { joined, tag } from "./markup.ts";
import { type ImageGridOptions, imagesOf } from "./pixels.ts";
import { dataUri, png } from "./png.ts";
import { heading, picture, words } from "./svg.ts";
import { fitted, letter, widthOf } from "./width.ts";

/**
 * Images side by side as an SVG image, each with its label. Pixels are stored as PNG in the picture.
 * @param pixels `[images, …shape]`, row-major: bytes, or numbers between the two of `range`.
 * @returns the text of an `<svg>` element, also a complete file.
 * @throws AttributeError for more columns than the width has room for, or pixels that are not numbers.
 * @throws ShapeError unless the pixels are whole images, or if the numbers of labels and images differ.
 */
export function imageGrid(pixels: ArrayLike<number>, options: ImageGridOptions): string {
  const op = "imageGrid";
  const o = optionsOf(op, options, {
    title: "Images",
    description: "",
    shape: undefined,
    labels: undefined,
    range: undefined,
    columns: undefined,
    tile: undefined,
    width: 640,
  });
  const { count, height, width, channels, bytes } = imagesOf(op, pixels, o.shape, o.range);
  const labels = o.labels === undefined ? undefined : labelsOf(op, o.labels, count, "image");
  checkWhole(op, "width", o.width, 80);
  if (o.columns !== undefined) checkWhole(op, "columns", o.columns);

  const gap = letter;
  const room = o.width - 2 * letter;
  const widest = (labels ?? []).reduce((most, label) => Math.max(most, widthOf(label)), 56);
  const most = o.columns === undefined ? room : (room - gap * (o.columns - 1)) / o.columns;
  if (most < 1) checkWhole(op, "columns", o.columns!, 1, Math.floor((room + gap) / (1 + gap)));
  const tile = Math.min(most, o.tile === undefined ? Math.min(112, widest) : checkWhole(op, "tile", o.tile));
  const columns = o.columns ?? Math.max(1, Math.floor((room + gap) / (tile + gap)));
  const high = (tile * height) / width;
  const row = high + (labels ? 1.5 * letter : 0) + gap;
  const top = 2.5 * letter;
  const size = height * width * channels;
  const tiles = Array.from({ length: count }, (_, i) => {
    const [x, y] = [letter + (i % columns) * (tile + gap), top + Math.floor(i / columns) * row];
    const href = dataUri(png(bytes.subarray(i * size, (i + 1) * size), width, height, channels));
    const image = {
      x,
      y,
      width: tile,
      height: high,
      href,
      preserveAspectRatio: "none",
      style: "image-rendering:pixelated",
    };
    const label =
      labels &&
      words(x + tile / 2, y + high + 1.1 * letter, fitted(labels[i]!, tile + gap - 2), { "text-anchor": "middle" });
    return joined([
      tag("image", image),
      tag("rect", { class: "line", x, y, width: tile, height: high, fill: "none" }),
      ...(label ? [label] : []),
    ]);
  });
  const description =
    o.description || `${counted(count, "image")} of ${width} × ${height}${labels ? `: ${labels.join(", ")}` : ""}.`;
  return picture(
    { width: o.width, height: top + Math.max(1, Math.ceil(count / columns)) * row, title: o.title, description },
    heading(o.title, o.width),
    joined(tiles),
  );
}

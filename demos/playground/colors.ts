import { signal } from "@preact/signals";
import { onAppearance } from "../parts/appearance.ts";

type Color = readonly [red: number, green: number, blue: number];

interface Palette {
  readonly minus: Color;
  readonly zero: Color;
  readonly plus: Color;
}

let palette: Palette | undefined;

/** Grows when the page's colours change: then all canvases need repainting. */
export const looks = signal(0);
onAppearance(() => {
  palette = undefined;
  looks.value++;
});

/** The page's colours for −1, 0 and 1. */
function colors(): Palette {
  const css = getComputedStyle(document.documentElement);
  const read = (name: string): Color => {
    const digits = Number.parseInt(css.getPropertyValue(name).trim().slice(1), 16);
    return [digits >> 16, (digits >> 8) & 255, digits & 255];
  };
  palette ??= { minus: read("--minus"), zero: read("--zero"), plus: read("--plus") };
  return palette;
}

/**
 * Paints values on a square canvas, from the colour of −1 to that of 1.
 * @param values `[size, size]`, from top left. Larger ones than 1 shrink all.
 */
export function paint(canvas: HTMLCanvasElement, values: Float32Array): void {
  const size = Math.sqrt(values.length);
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(size, size);
  const { minus, zero, plus } = colors();
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  values.forEach((value, i) => {
    const end = value < 0 ? minus : plus;
    const share = Math.abs(value) / most;
    for (let channel = 0; channel < 3; channel++)
      image.data[4 * i + channel] = zero[channel]! + share * (end[channel]! - zero[channel]!);
    image.data[4 * i + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

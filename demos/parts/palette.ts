import { signal } from "@preact/signals";
import { onAppearance } from "./appearance.ts";

type Color = readonly [red: number, green: number, blue: number];

/** Grows when the page's colours change: then all canvases need repainting. */
export const looks = signal(0);

let palette: Readonly<Record<"minus" | "zero" | "plus", Color>> | undefined;
onAppearance(() => {
  palette = undefined;
  looks.value++;
});

/** The page's colours for −1, 0 and 1: its custom properties `--minus`, `--zero` and `--plus`, as `#rrggbb`. */
function read() {
  const css = getComputedStyle(document.documentElement);
  const color = (name: string): Color => {
    const digits = Number.parseInt(css.getPropertyValue(name).trim().slice(1), 16);
    return [digits >> 16, (digits >> 8) & 255, digits & 255];
  };
  return { minus: color("--minus"), zero: color("--zero"), plus: color("--plus") };
}

/** Writes the colour of a value from −1 to 1 into pixels. @param at the pixel's first byte. */
export function colorInto(pixels: Uint8ClampedArray, at: number, value: number): void {
  palette ??= read();
  const { minus, zero, plus } = palette;
  const end = value < 0 ? minus : plus;
  const share = Math.min(1, Math.abs(value));
  for (let channel = 0; channel < 3; channel++)
    pixels[at + channel] = zero[channel]! + share * (end[channel]! - zero[channel]!);
  pixels[at + 3] = 255;
}

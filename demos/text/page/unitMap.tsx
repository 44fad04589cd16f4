import { useEffect, useRef } from "preact/hooks";
import { onAppearance } from "../../parts/appearance.ts";
import { caret, count, look, shown, unit, valueAt } from "./inside.ts";

type Color = readonly [red: number, green: number, blue: number];

const colorOf = (name: string): Color => {
  const digits = Number.parseInt(getComputedStyle(document.documentElement).getPropertyValue(name).trim().slice(1), 16);
  return [digits >> 16, (digits >> 8) & 255, digits & 255];
};

/** All units, from top to bottom, over the characters of the text, from left to right. */
export function UnitMap({ onChoose }: { readonly onChoose: (unit: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const units = count();
  const now = look.value;
  const paint = (): void => {
    const characters = now
      ? Array.from(now.places.subarray(1), (_, i) => i).filter((i) => now.places[i + 1]! >= 0)
      : [];
    if (now && now.show === shown() && characters.length > 0)
      paintUnits(canvas.current!, units, characters, (unit, character) => valueAt(now, unit, character));
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: painted anew for each look
  useEffect(paint, [now, units, shown() === "attention" ? caret.value : 0]);
  const latest = useRef(paint);
  latest.current = paint;
  useEffect(() => onAppearance(() => latest.current()), []);
  return (
    <div class="units">
      {/* The slider does the same with keys. */}
      <div class="unit-map" aria-hidden="true">
        <canvas
          ref={canvas}
          onClick={({ currentTarget, offsetY }) =>
            onChoose(Math.min(units, 1 + Math.floor((units * offsetY) / currentTarget.clientHeight)))
          }
        />
        <span class="chosen" style={{ "--at": String(unit() / units), "--high": String(1 / units) }} />
      </div>
      <p class="legend">
        All {units} {shown() === "attention" ? "heads" : "units"}, one below the other, over the characters of the text.
        Click one to see it in the text.
      </p>
    </div>
  );
}

/** Paints a value from −1 to 1 for each unit and place. */
function paintUnits(
  canvas: HTMLCanvasElement,
  units: number,
  characters: readonly number[],
  value: (unit: number, character: number) => number,
): void {
  if (canvas.width !== characters.length) canvas.width = characters.length;
  if (canvas.height !== units) canvas.height = units;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(characters.length, units);
  const [minus, zero, plus] = [colorOf("--minus"), colorOf("--zero"), colorOf("--plus")];
  for (let unit = 0; unit < units; unit++) {
    for (const [column, character] of characters.entries()) {
      const amount = value(unit, character);
      const end = amount < 0 ? minus : plus;
      const share = Math.min(1, Math.abs(amount));
      const at = 4 * (unit * characters.length + column);
      for (let channel = 0; channel < 3; channel++)
        image.data[at + channel] = zero[channel]! + share * (end[channel]! - zero[channel]!);
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Statistics } from "../../src/recording/index.ts";
import { onAppearance } from "../parts/appearance.ts";
import { sizeOf } from "./places.ts";
import { shapeOf } from "./words.ts";

export interface HeatmapProps {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number> | undefined;
  readonly statistics: Statistics | undefined;
  /** The element with a frame. */
  readonly marked?: number;
  /** If given, all other elements are pale. */
  readonly lit?: Uint8Array;
  readonly onPick?: (index: number) => void;
}

/** Counts changes of the page's colours. */
const appearance = signal(0);
onAppearance(() => appearance.value++);

/** Most rows and columns that are drawn. */
const most = 1024;

/** Rows and columns: the last axis goes to the right, all others downwards. A vector is one row. */
const gridOf = (shape: readonly number[]): { rows: number; columns: number } => {
  const columns = shape.at(-1) ?? 1;
  return { rows: sizeOf(shape) / columns, columns };
};

/** A tensor's elements as colours: blue above 0, orange below, pale near 0, dark where they are not finite. */
export function Heatmap({ shape, values, statistics, marked, lit, onPick }: HeatmapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { rows: allRows, columns: allColumns } = gridOf(shape);
  const [rows, columns] = [Math.min(allRows, most), Math.min(allColumns, most)];
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read again when the appearance changes
  useEffect(() => {
    const paint = (): void => {
      const element = canvas.current;
      if (!element) return;
      const context = element.getContext("2d")!;
      const css = getComputedStyle(element);
      const [above, below, zero, ink] = ["--accent", "--warm", "--card", "--ink"].map((name) =>
        rgbOf(css.getPropertyValue(name)),
      );
      const image = context.createImageData(columns, rows);
      const largest = Math.max(Math.abs(statistics?.min ?? 0), Math.abs(statistics?.max ?? 0)) || 1;
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const at = row * allColumns + column;
          const isLit = lit ? lit[at] === 1 : true;
          const value = values ? values[at]! : isLit && lit ? largest : largest / 4;
          const isKnown = Number.isFinite(value);
          const part = isKnown ? Math.sqrt(Math.min(1, Math.abs(value) / largest)) : 1;
          const strength = lit ? (isLit ? 0.25 + 0.75 * part : 0.12 * part) : part;
          const color = isKnown ? (value < 0 ? below! : above!) : ink!;
          for (let k = 0; k < 3; k++)
            image.data[4 * (row * columns + column) + k] = zero![k]! + strength * (color[k]! - zero![k]!);
          image.data[4 * (row * columns + column) + 3] = 255;
        }
      }
      context.putImageData(image, 0, 0);
    };
    paint();
  }, [values, lit, statistics, rows, columns, allColumns, appearance.value]);
  const row = marked === undefined ? 0 : Math.floor(marked / allColumns);
  const column = marked === undefined ? 0 : marked % allColumns;
  const isCut = allRows > rows || allColumns > columns;
  return (
    <figure class="heatmap">
      <div class="frame">
        <canvas
          ref={canvas}
          width={columns}
          height={rows}
          class={columns * 2 > rows * 40 ? "flat" : ""}
          role="img"
          aria-label={`Elements of ${shapeOf(shape)} as colours`}
          onClick={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const x = Math.min(columns - 1, Math.floor(((event.clientX - box.left) / box.width) * columns));
            const y = Math.min(rows - 1, Math.floor(((event.clientY - box.top) / box.height) * rows));
            onPick?.(y * allColumns + x);
          }}
        />
        {marked !== undefined && row < rows && column < columns && (
          <svg class="mark" viewBox={`0 0 ${columns} ${rows}`} preserveAspectRatio="none" aria-hidden="true">
            <rect x={column} y={row} width={1} height={1} />
          </svg>
        )}
      </div>
      {isCut && (
        <figcaption class="note">
          The first {rows} rows and {columns} columns of {allRows} × {allColumns}.
        </figcaption>
      )}
    </figure>
  );
}

/** A colour of the theme, which is written as hexadecimal digits. */
function rgbOf(color: string): [number, number, number] {
  const digits = Number.parseInt(color.trim().slice(1, 7), 16);
  return [digits >> 16, (digits >> 8) & 255, digits & 255];
}

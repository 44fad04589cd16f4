import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { colorInto, looks } from "../parts/palette.ts";

/** A rectangle to outline, in pixels of the mosaic. */
export interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Whether it is what the visitor picked, rather than what that came from. */
  readonly picked: boolean;
}

export interface MosaicProps {
  /** What it shows, for those who cannot see it. */
  readonly label: string;
  /** Maps of `height` × `width`, one after the other. */
  readonly values: ArrayLike<number>;
  readonly height: number;
  readonly width: number;
  /** Maps in a row. */
  readonly columns: number;
  /** Pixels of the page for each value. */
  readonly scale: number;
  /** The value in the strongest colour; default the largest one. */
  readonly most?: number;
  readonly frames?: readonly Frame[];
  readonly onPick?: (map: number, y: number, x: number) => void;
}

/** Where a pixel of a map lies. Maps are one pixel apart. */
export const placeIn = (
  { columns, height, width }: Pick<MosaicProps, "columns" | "height" | "width">,
  map: number,
) => ({
  x: (map % columns) * (width + 1),
  y: Math.floor(map / columns) * (height + 1),
});

export const largest = (values: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
};

/** Maps side by side, values as colours. */
export function Mosaic(props: MosaicProps) {
  const { label, values, height, width, columns, scale, frames = [], onPick } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const maps = values.length / (height * width);
  const wide = Math.min(columns, maps) * (width + 1) - 1;
  const high = Math.ceil(maps / columns) * (height + 1) - 1;
  const most = (props.most ?? largest(values)) || 1;
  const paint = () => {
    const element = canvas.current!;
    if (element.width !== wide) element.width = wide;
    if (element.height !== high) element.height = high;
    const image = new ImageData(wide, high);
    for (let map = 0; map < maps; map++) {
      const place = placeIn(props, map);
      for (let i = 0; i < height * width; i++) {
        const at = (place.y + Math.floor(i / width)) * wide + place.x + (i % width);
        colorInto(image.data, 4 * at, values[map * height * width + i]! / most);
      }
    }
    element.getContext("2d")!.putImageData(image, 0, 0);
  };
  useEffect(paint);
  useSignalEffect(() => {
    if (looks.value > 0) paint();
  });
  const pick = (event: PointerEvent): void => {
    const box = canvas.current!.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * wide);
    const y = Math.floor(((event.clientY - box.top) / box.height) * high);
    const map = Math.floor(y / (height + 1)) * columns + Math.floor(x / (width + 1));
    const [dy, dx] = [y % (height + 1), x % (width + 1)];
    if (x >= 0 && y >= 0 && dx < width && dy < height && x < wide && map < maps) onPick?.(map, dy, dx);
  };
  return (
    <div
      class={`mosaic ${onPick ? "pickable" : ""}`}
      style={{ width: `${wide * scale}px` }}
      onPointerDown={pick}
      onPointerMove={(event) => event.buttons === 1 && pick(event)}
    >
      <canvas ref={canvas} role="img" aria-label={label} />
      {frames.length > 0 && (
        <svg viewBox={`0 0 ${wide} ${high}`} aria-hidden="true">
          {frames.map(({ picked, ...frame }) => (
            <rect key={`${frame.x} ${frame.y} ${picked}`} class={picked ? "picked" : "source"} {...frame} />
          ))}
        </svg>
      )}
    </div>
  );
}

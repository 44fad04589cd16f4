import { useEffect, useRef, useState } from "preact/hooks";
import { powers, ticks } from "./ticks.ts";

export interface Line {
  /** Its class, which has the colour. */
  readonly kind: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface ChartProps {
  /** What the lines show, for those who cannot see them. */
  readonly label: string;
  readonly lines: readonly Line[];
  /** The end of the horizontal axis. */
  readonly last: number;
  /** What the horizontal axis counts. */
  readonly unit: string;
  /** The ends of a logarithmic vertical axis; without them it starts at 0. */
  readonly range?: readonly [least: number, most: number];
}

/** Pixels around the plot. */
const edge = { left: 44, right: 10, top: 8, bottom: 34 };

const inside = (pixels: number, before: number, after: number): number => Math.max(1, pixels - before - after);

/** Lines over a horizontal axis from 0, once there are any. A small drawing of its own: the page is to load little. */
export function Chart({ label, lines, last, unit, range }: ChartProps) {
  const parent = useRef<HTMLDivElement>(null);
  const [[width, height], setSize] = useState<readonly [number, number]>([0, 0]);
  useEffect(() => {
    const element = parent.current!;
    const resized = new ResizeObserver(() => setSize([element.clientWidth, element.clientHeight]));
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  const most = range ? range[1] : 1.05 * lines.reduce((all, { y }) => Math.max(all, ...y), 0.1);
  const [wide, high] = [inside(width, edge.left, edge.right), inside(height, edge.top, edge.bottom)];
  const right = edge.left + wide;
  const bottom = edge.top + high;
  const atX = (x: number): number => edge.left + (wide * x) / Math.max(1, last);
  const share = (y: number): number =>
    range ? Math.log(Math.max(y, range[0]) / range[0]) / Math.log(most / range[0]) : y / most;
  const atY = (y: number): number => bottom - high * share(y);
  const path = ({ x, y }: Line): string =>
    x.map((value, i) => `${i === 0 ? "M" : "L"}${atX(value).toFixed(1)} ${atY(y[i]!).toFixed(1)}`).join("");
  const levels = range ? powers(...range, 6) : ticks(most, 5);
  return (
    <div class="chart" ref={parent}>
      {width > 0 && lines.some(({ x }) => x.length > 0) && (
        <svg width={width} height={height} role="img" aria-label={label}>
          {levels.map((y) => (
            <g key={y}>
              <path class="grid" d={`M${edge.left} ${atY(y)}H${right}`} />
              <text class="level" x={edge.left - 6} y={atY(y)}>
                {range ? power(y) : y}
              </text>
            </g>
          ))}
          {ticks(Math.max(1, last), Math.max(2, Math.floor(wide / 80))).map((x) => (
            <text key={x} class="tick" x={atX(x)} y={bottom + 14}>
              {x.toLocaleString("en-US")}
            </text>
          ))}
          <text class="unit" x={right} y={bottom + 29}>
            {unit}
          </text>
          {lines.map((line) => (
            <path key={line.kind} class={`line ${line.kind}`} d={path(line)} />
          ))}
        </svg>
      )}
    </div>
  );
}

const power = (value: number) => (
  <>
    10
    <tspan dy="-4" class="exponent">
      {String(Math.round(Math.log10(value))).replace("-", "−")}
    </tspan>
  </>
);

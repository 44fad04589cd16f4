/** An axis of a chart. */
export interface Axis {
  /** Where a value lies, before the ends are known: the value itself or its logarithm. */
  readonly place: (value: number) => number;
  /** Ends of the axis for the smallest and largest value shown. */
  readonly ends: (low: number, high: number) => readonly [number, number];
  /** Values to name, of which those between the ends are. */
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
}

export interface Curve {
  readonly name: string;
  readonly kind: string;
  readonly values: readonly number[];
}

export interface ChartProps {
  /** What it shows, for those who cannot see it. */
  readonly label: string;
  readonly x: Axis;
  readonly y: Axis;
  /** The horizontal values of all curves. */
  readonly at: readonly number[];
  readonly curves: readonly Curve[];
}

/** The place of a value between the ends, from 0 to 100, and the values to name. */
function scaleOf({ place, ends, ticks }: Axis, values: readonly number[]) {
  const [low, high] = ends(Math.min(...values), Math.max(...values)).map(place) as [number, number];
  const percent = (value: number): number => (100 * (place(value) - low)) / (high - low);
  return { percent, ticks: ticks.filter((tick) => percent(tick) >= 0 && percent(tick) <= 100) };
}

/** Curves of a few dozen points: as SVG, since a library would be a sixth of the page's code. */
export function Chart({ label, x, y, at, curves }: ChartProps) {
  const across = scaleOf(x, at);
  const up = scaleOf(
    y,
    curves.flatMap(({ values }) => values),
  );
  return (
    <div class="chart" role="img" aria-label={label}>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        {up.ticks.map((tick) => (
          <path key={tick} class="grid" d={`M0 ${100 - up.percent(tick)}H100`} />
        ))}
        {curves.map(({ name, kind, values }) => (
          <polyline
            key={`${name} ${kind}`}
            class={`${name} ${kind}`}
            points={values.map((value, i) => `${across.percent(at[i]!)},${100 - up.percent(value)}`).join(" ")}
          />
        ))}
      </svg>
      {up.ticks.map((tick) => (
        <span key={tick} class="tick up" style={{ bottom: `${up.percent(tick)}%` }}>
          {y.format(tick)}
        </span>
      ))}
      {across.ticks.map((tick) => (
        <span key={tick} class="tick across" style={{ left: `${across.percent(tick)}%` }}>
          {x.format(tick)}
        </span>
      ))}
    </div>
  );
}

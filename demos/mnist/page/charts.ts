import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { onAppearance } from "../../parts/appearance.ts";

export interface ChartOptions {
  /** Name of the custom property with the curve's colour. */
  readonly color: string;
  /** Ends of the vertical axis, from the smallest and largest value shown. */
  readonly range: (low: number, high: number) => [number, number];
  /** Whether the vertical axis is logarithmic. */
  readonly log?: boolean;
  /** Positions of its grid lines; default uPlot's choice. */
  readonly splits?: (low: number, high: number) => number[];
  /** A value as text, with its unit. */
  readonly format: (value: number) => string;
  /** Whether to mark single values. */
  readonly points?: boolean;
}

/** A curve over epochs that grows to the right. */
export class Chart {
  readonly #plot: uPlot;
  readonly #data: [x: number[], y: number[]] = [[], []];
  #stale = false;
  #reach = 1;

  constructor(parent: HTMLElement, options: ChartOptions) {
    const css = (name: string) => getComputedStyle(parent).getPropertyValue(name);
    // Scale with the reader's font size.
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const size = () => ({ width: parent.clientWidth, height: parent.clientHeight });
    const axis: uPlot.Axis = {
      stroke: () => css("--soft"),
      font: `${0.75 * rem}px ${css("--sans")}`,
      grid: { stroke: () => css("--line"), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { show: false },
        padding: [0.5 * rem, 1.75 * rem, 0, 0],
        scales: {
          x: { time: false, range: () => [0, this.#reach] },
          y: { distr: options.log ? 3 : 1, range: (_, low, high) => options.range(low ?? Infinity, high ?? -Infinity) },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 1.6 * rem, space: 3.5 * rem, values: (_, values) => epochs(values) },
          {
            ...axis,
            size: 3 * rem,
            space: 1.75 * rem,
            ...(options.splits && {
              splits: (_, __, low, high) => options.splits!(low, high),
            }),
            filter: (_, values) => values,
            values: (_, values) => values.map((value) => (value === null ? "" : options.format(value))),
          },
        ],
        series: [
          {},
          {
            stroke: () => css(options.color),
            width: 2,
            points: { show: options.points === true, size: 6, fill: () => css(options.color) },
          },
        ],
      },
      this.#data,
      parent,
    );
    new ResizeObserver(() => this.#plot.setSize(size())).observe(parent);
    onAppearance(() => this.#plot.redraw());
  }

  add(x: number, y: number): void {
    this.#data[0].push(x);
    this.#data[1].push(y);
    this.reach(x);
  }

  /** Extends the horizontal axis at least to `x`. */
  reach(x: number): void {
    this.#reach = Math.max(this.#reach, x);
    this.#draw();
  }

  clear(): void {
    this.#data[0].length = this.#data[1].length = 0;
    this.#reach = 1;
    this.#draw();
  }

  /** At most once per frame, however fast values arrive. */
  #draw(): void {
    if (this.#stale) return;
    this.#stale = true;
    requestAnimationFrame(() => {
      this.#stale = false;
      this.#plot.setData(this.#data);
    });
  }
}

/** Labels of the horizontal axis; the last one includes the unit. */
const epochs = (values: readonly number[]): string[] =>
  values.map((value, i) => {
    const text = String(Number(value.toFixed(2)));
    if (i < values.length - 1) return text;
    return value === 1 ? "1 epoch" : `${text} epochs`;
  });

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface ChartOptions {
  /** Name of the custom property with the curve's colour. */
  readonly color: string;
  /** Ends of the vertical axis where `low` is the smallest value shown. */
  readonly range: (low: number) => [number, number];
  /** Whether the vertical axis is logarithmic. */
  readonly log?: boolean;
  /** Where its lines may be; default uPlot's choice. */
  readonly splits?: readonly number[];
  /** A value as text, with its unit. */
  readonly format: (value: number) => string;
  /** Whether single values are marked. */
  readonly points?: boolean;
}

const height = 132;

/** A curve over epochs that grows to the right. */
export class Chart {
  readonly #plot: uPlot;
  readonly #data: [x: number[], y: number[]] = [[], []];
  #stale = false;
  #reach = 1;

  constructor(parent: HTMLElement, options: ChartOptions) {
    const css = (name: string) => getComputedStyle(parent).getPropertyValue(name);
    const axis: uPlot.Axis = {
      stroke: () => css("--soft"),
      font: `12px ${css("--sans")}`,
      grid: { stroke: () => css("--line"), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        width: parent.clientWidth,
        height,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 26, 0, 0],
        scales: {
          x: { time: false, range: () => [0, this.#reach] },
          y: { distr: options.log ? 3 : 1, range: (_, low) => options.range(low ?? Number.POSITIVE_INFINITY) },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 26, space: 56, values: (_, values) => values.map(epochs) },
          {
            ...axis,
            size: 48,
            ...(options.splits && {
              splits: (_, __, low, high) => options.splits!.filter((at) => at >= low && at <= high),
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
    new ResizeObserver(() => this.#plot.setSize({ width: parent.clientWidth, height })).observe(parent);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#plot.redraw());
  }

  add(x: number, y: number): void {
    this.#data[0].push(x);
    this.#data[1].push(y);
    this.reach(x);
  }

  /** Has the horizontal axis go as far as `x`, at least. */
  reach(x: number): void {
    this.#reach = Math.max(this.#reach, x);
    this.#draw();
  }

  clear(): void {
    this.#data[0].length = this.#data[1].length = 0;
    this.#reach = 1;
    this.#draw();
  }

  /** At most once a frame, however fast values come. */
  #draw(): void {
    if (this.#stale) return;
    this.#stale = true;
    requestAnimationFrame(() => {
      this.#stale = false;
      this.#plot.setData(this.#data);
    });
  }
}

const epochs = (value: number): string => (value === 1 ? "1 epoch" : String(Number(value.toFixed(2))));

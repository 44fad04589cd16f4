import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { onAppearance } from "./appearance.ts";
import { drawable } from "./course.ts";

export interface CurvesProps {
  /** What the curves show, for those who cannot see them. */
  readonly label: string;
  /** The horizontal values, and those of each curve. */
  readonly data: readonly [readonly number[], ...(readonly number[])[]];
  /** Names of the custom properties with the curves' colours. */
  readonly colors: readonly string[];
  /** How many of the curves, from the last, have dashes. */
  readonly dashed?: number;
}

/** Curves that grow to the right, from 0 upwards. */
export function Curves({ label, data, colors, dashed = 0 }: CurvesProps) {
  const parent = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: one plot for all data
  useEffect(() => {
    const element = parent.current!;
    plot.current = plotIn(element, colors, dashed);
    const resized = new ResizeObserver(() => plot.current!.setSize(sizeOf(element)));
    resized.observe(element);
    onAppearance(() => plot.current?.redraw());
    return () => {
      resized.disconnect();
      plot.current!.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current!.setData(data.map(drawable) as uPlot.AlignedData), [data]);
  return <div class="curves" ref={parent} role="img" aria-label={label} />;
}

const sizeOf = ({ clientWidth, clientHeight }: HTMLElement) => ({ width: clientWidth, height: clientHeight });

function plotIn(parent: HTMLElement, colors: readonly string[], dashed: number): uPlot {
  const css = (name: string) => getComputedStyle(parent).getPropertyValue(name);
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const axis: uPlot.Axis = {
    stroke: () => css("--soft"),
    font: `${0.75 * rem}px ${css("--sans")}`,
    grid: { stroke: () => css("--line"), width: 1 },
    ticks: { show: false },
  };
  const options: uPlot.Options = {
    ...sizeOf(parent),
    legend: { show: false },
    cursor: { show: false },
    padding: [0.5 * rem, 0.75 * rem, 0, 0],
    scales: {
      x: { time: false, range: (_, __, last) => [0, Math.max(1, last)] },
      y: { range: (_, __, most) => [0, Math.max(0.05, 1.05 * most)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 1.6 * rem, space: 4 * rem },
      { ...axis, size: 2.75 * rem, space: 1.75 * rem },
    ],
    series: [
      {},
      ...colors.map((color, i) => ({
        stroke: () => css(color),
        width: 2,
        points: { show: false },
        ...(i >= colors.length - dashed && { dash: [6, 5] }),
      })),
    ],
  };
  return new uPlot(options, [[], ...colors.map(() => [])] as unknown as uPlot.AlignedData, parent);
}

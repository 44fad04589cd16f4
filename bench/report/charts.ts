import {
  Chart,
  type ChartConfiguration,
  Legend,
  LinearScale,
  LineElement,
  LogarithmicScale,
  PointElement,
  ScatterController,
  Tooltip,
} from "chart.js";
import { type Ceilings, isFault, type KernelTime, type Result, type ScalingRow } from "../measure/result.ts";
import { barsOf } from "./bars.ts";
import { kernelColumns, scalingColumns, stepColumns } from "./columns.ts";
import { add, groups, tableOf } from "./elements.ts";
import { figure, percent, placeOf } from "./figures.ts";
import { notesOf } from "./notes.ts";

/*
 * The script of the HTML report. It shows the JSON beside it.
 */

Chart.register(Legend, LinearScale, LineElement, LogarithmicScale, PointElement, ScatterController, Tooltip);
Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;

const dark = matchMedia("(prefers-color-scheme: dark)");
const palettes = {
  light: ["#2546c7", "#d9480f", "#2b8a3e", "#9c36b5", "#0b7285", "#c2255c", "#846500", "#495057"],
  dark: ["#93b4ff", "#ff9d66", "#69db7c", "#e599f7", "#66d9e8", "#faa2c1", "#ffd43b", "#ced4da"],
};
const results: Result[] = JSON.parse(document.querySelector("#results")!.textContent!);
const main = document.querySelector("main")!;

function show(result: Result): void {
  const { date, commit, quick, ceilings, kernels, steps, scaling = [] } = result;
  const timed = kernels.filter((row): row is KernelTime => !isFault(row));
  add(main, "h2", `In ${placeOf(result)}`);
  add(main, "p", `${date.slice(0, 16).replace("T", " ")} UTC${commit ? `, ${commit}` : ""}${quick ? ", quick" : ""}`);
  add(
    main,
    "p",
    `Ceilings: ${figure(ceilings.gflops)} GFLOP/s of multiply-adds, ${figure(ceilings.gbPerSec)} GB/s of copying, ` +
      `${figure(ceilings.dispatchUs)} µs per dispatch, ${figure(ceilings.submitUs)} µs per submit, ` +
      `${figure(ceilings.readbackMs)} ms to read a scalar.`,
  );
  const notes = groups(notesOf(result), ({ about }) => about);
  for (const [about, some] of notes) {
    add(main, "h3", about);
    const list = add(main, "ul");
    list.className = `notes ${some[0]!.tone}`;
    for (const { text } of some) add(list, "li", text);
  }
  const computing = timed.filter(({ flops, bytes, gflops }) => flops > 0 && bytes > 0 && gflops > 0);
  if (computing.length > 0 && ceilings.gflops > 0 && ceilings.gbPerSec > 0) {
    add(main, "h3", "Roofline");
    add(main, "p", "Each point is a kernel in one variant. Filled points are the engine's choices.");
    draw(30, () => roofline(computing, ceilings));
  }
  if (kernels.length > 0) {
    add(main, "h3", "Kernels");
    add(
      main,
      "p",
      "Bars are shares of the roofline. The strong ones, marked *, are the engine's choices. The last figure is the speed " +
        "relative to the first variant of the family, the plainest.",
    );
    for (const [family, rows] of groups(kernels, ({ family }) => family)) main.append(barsOf(family, rows));
  }
  if (steps.length > 0) {
    add(main, "h3", "Training steps");
    main.append(tableOf(stepColumns, steps));
    for (const { name, longest } of steps.filter(({ longest }) => longest.length > 0)) {
      add(main, "h4", `The longest kernels of ${name}`);
      const columns = [
        { name: "kernel", left: true, cell: ({ label }: (typeof longest)[number]) => label },
        { name: "ms", cell: ({ ms }: (typeof longest)[number]) => figure(ms) },
      ];
      main.append(tableOf(columns, longest));
    }
  }
  for (const [of, rows] of groups(scaling, ({ of }) => of)) {
    add(main, "h3", of.startsWith("compile") ? `${of}, by nodes` : `Steps, by ${of}`);
    draw(18, () => growth(rows));
  }
  if (scaling.length > 0) main.append(tableOf(scalingColumns, scaling));
  if (kernels.length > 0) {
    add(main, "h3", "All kernels");
    main.append(tableOf(kernelColumns, kernels, (row) => (isFault(row) ? "wrong" : row.chosen ? "chosen" : "")));
  }
}

/** Labels only at powers of ten, at most ten of them. */
const powers =
  (min: number, max: number) =>
  (value: string | number): string => {
    const power = Math.log10(Number(value));
    const every = Math.ceil(Math.log10(max / min) / 10);
    if (Math.abs(power - Math.round(power)) > 1e-9 || Math.round(power) % every !== 0) return "";
    return Math.abs(power) < 4.5 ? String(value) : Number(value).toExponential(0);
  };

/** A logarithmic axis with a margin at both ends, so that no point lies on them. */
function axis(values: readonly number[], title: string) {
  const [min, max] = [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
  return {
    type: "logarithmic" as const,
    min,
    max,
    title: { display: title !== "", text: title, color: css("--ink") },
    // Grid lines only at powers of ten; lines in between are too dense over many decades.
    grid: { color: ({ tick }: { tick?: { label?: unknown } }) => (tick?.label ? css("--line") : "transparent") },
    ticks: { callback: powers(min, max), autoSkip: false, maxRotation: 0, color: css("--soft") },
  };
}

/**
 * @param rows of kernels that compute: a logarithmic axis of operations has no place for those that only move data.
 */
function roofline(rows: readonly KernelTime[], ceilings: Ceilings): ChartConfiguration<"scatter"> {
  const intensity = (row: KernelTime): number => row.flops / row.bytes;
  const reach = rows.map(intensity);
  const ridge = ceilings.gflops / ceilings.gbPerSec;
  const [low, high] = [Math.min(...reach, ridge) / 2, Math.max(...reach, ridge) * 2];
  const roof = [low, ridge, high].map((x) => ({ x, y: Math.min(ceilings.gflops, x * ceilings.gbPerSec) }));
  const palette = palettes[dark.matches ? "dark" : "light"];
  const families = [...groups(rows, ({ family }) => family)].map(([label, rows], i) => {
    const colour = palette[i % palette.length]!;
    return {
      label,
      data: rows.map((row) => ({ x: intensity(row), y: row.gflops, row })),
      borderColor: colour,
      backgroundColor: colour,
      pointBackgroundColor: rows.map(({ chosen }) => (chosen ? colour : "transparent")),
      pointRadius: 5,
      pointStyle: i < palette.length ? "circle" : "rectRot",
      clip: false as const,
    };
  });
  const ink = css("--ink");
  const line = { label: "roofline", data: roof, showLine: true, borderColor: ink, borderWidth: 1.5, pointRadius: 0 };
  const isNarrow = main.clientWidth < 600;
  return {
    type: "scatter",
    data: { datasets: [line, ...families] },
    options: {
      scales: {
        x: axis([low, high], "operations per byte"),
        y: axis([...roof.map(({ y }) => y), ...rows.map(({ gflops }) => gflops)], "GFLOP/s"),
      },
      plugins: {
        legend: { position: isNarrow ? "bottom" : "right", labels: { usePointStyle: true, color: ink } },
        tooltip: { callbacks: { label: ({ raw }) => tip((raw as { row?: KernelTime }).row) } },
      },
    },
  };
}

const tip = (row: KernelTime | undefined): string =>
  row
    ? `${row.family} ${row.shape}, ${row.variant}: ${figure(row.ms)} ms, ${percent(row.ofRoofline)} of roofline`
    : "roofline";

function growth(rows: readonly ScalingRow[]): ChartConfiguration<"scatter"> {
  const series = (label: string, of: (row: ScalingRow) => number | undefined, borderColor: string) => ({
    label,
    data: rows.flatMap((row) => (of(row) === undefined ? [] : { x: row.size, y: of(row)! })),
    showLine: true,
    borderColor,
    backgroundColor: borderColor,
  });
  const [first, second] = palettes[dark.matches ? "dark" : "light"];
  const datasets = [series("ms", ({ ms }) => ms, first!)];
  if (rows.some(({ passesMs }) => passesMs !== undefined))
    datasets.push(series("ms of passes", ({ passesMs }) => passesMs, second!));
  const points = datasets.flatMap(({ data }) => data);
  const scales = {
    x: axis(
      points.map(({ x }) => x),
      "",
    ),
    y: axis(
      points.map(({ y }) => y),
      "ms",
    ),
  };
  return {
    type: "scatter",
    data: { datasets },
    options: { scales, plugins: { legend: { labels: { color: css("--ink") } } } },
  };
}

const css = (name: string): string => getComputedStyle(main).getPropertyValue(name);

/** Draws a chart of a given height in letters, and again when the page's colours change. */
function draw(height: number, config: () => ChartConfiguration<"scatter">): void {
  const frame = add(main, "div");
  frame.className = "chart";
  frame.style.height = `${height}rem`;
  const canvas = add(frame, "canvas");
  let chart = new Chart(canvas, config());
  const again = (): void => {
    chart.destroy();
    chart = new Chart(canvas, config());
  };
  dark.addEventListener("change", again);
  matchMedia("(max-width: 640px)").addEventListener("change", again);
}

for (const result of results) show(result);

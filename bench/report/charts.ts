import {
  BarController,
  BarElement,
  CategoryScale,
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
import { type Ceilings, isFault, type KernelTime, type Result, type StepRow } from "../measure/result.ts";
import { figure, percent, spreadOf } from "./figures.ts";

/*
 * The script of the HTML report: draws what the JSON beside it says.
 */

Chart.register(BarController, BarElement, CategoryScale, Legend, LinearScale, LineElement, LogarithmicScale);
Chart.register(PointElement, ScatterController, Tooltip);
Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;

const palette = ["#2546c7", "#d9480f", "#2b8a3e", "#9c36b5", "#0b7285", "#c2255c", "#846500", "#495057"];
const results: Result[] = JSON.parse(document.querySelector("#results")!.textContent!);
const main = document.querySelector("main")!;
for (const result of results) show(result);

function show({ place, date, commit, quick, ceilings, kernels, steps, scaling }: Result): void {
  const timed = kernels.filter((row): row is KernelTime => !isFault(row));
  heading("h2", place === "node" ? "In Node" : "In Chrome");
  text(`${date.slice(0, 16).replace("T", " ")} UTC${commit ? `, ${commit}` : ""}${quick ? ", quick" : ""}`);
  text(
    `Ceilings: ${figure(ceilings.gflops)} GFLOP/s of multiply-adds, ${figure(ceilings.gbPerSec)} GB/s of copying, ` +
      `${figure(ceilings.dispatchUs)} µs a dispatch, ${figure(ceilings.submitUs)} µs a submit, ` +
      `${figure(ceilings.readbackMs)} ms to read a scalar.`,
  );
  if (timed.length > 0) {
    heading("h3", "Roofline");
    text("Each point is a kernel in one variant. Filled ones are those that the engine takes by itself.");
    draw(480, roofline(timed, ceilings));
    for (const [family, rows] of groups(timed, ({ family }) => family)) {
      heading("h3", family);
      draw(60 + 22 * rows.length, bars(rows));
    }
  }
  if (steps.length > 0) {
    heading("h3", "Training steps");
    draw(80 + 50 * steps.length, stepBars(steps));
  }
  for (const [of, rows] of groups(scaling ?? [], ({ of }) => of)) {
    heading("h3", of.startsWith("compile") ? `${of}, by nodes` : `Steps, by ${of}`);
    draw(300, growth(rows));
  }
  if (kernels.length > 0) kernelTable(kernels);
}

/** Powers of ten alone. */
function powers(value: string | number): string {
  return Number.isInteger(Math.log10(Number(value))) ? String(value) : "";
}

/** @param all those that only move data have no place on a logarithmic axis of operations. */
function roofline(all: readonly KernelTime[], ceilings: Ceilings): ChartConfiguration<"scatter"> {
  const rows = all.filter(({ flops }) => flops > 0);
  const intensity = (row: KernelTime): number => row.flops / row.bytes;
  const reach = rows.map(intensity);
  const ridge = ceilings.gflops / ceilings.gbPerSec;
  const [low, high] = [Math.min(...reach, ridge) / 2, Math.max(...reach, ridge) * 2];
  const roof = [low, ridge, high].map((x) => ({ x, y: Math.min(ceilings.gflops, x * ceilings.gbPerSec) }));
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
    };
  });
  const line = { label: "roofline", data: roof, showLine: true, borderColor: "#222", borderWidth: 1.5, pointRadius: 0 };
  return {
    type: "scatter",
    data: { datasets: [line, ...families] },
    options: {
      scales: {
        x: {
          type: "logarithmic",
          title: { display: true, text: "operations per byte" },
          ticks: { callback: powers, autoSkip: false, maxRotation: 0 },
        },
        y: {
          type: "logarithmic",
          title: { display: true, text: "GFLOP/s" },
          ticks: { callback: powers, autoSkip: false },
        },
      },
      plugins: {
        legend: { position: "right", labels: { usePointStyle: true } },
        tooltip: { callbacks: { label: ({ raw }) => tip((raw as { row?: KernelTime }).row) } },
      },
    },
  };
}

const tip = (row: KernelTime | undefined): string =>
  row
    ? `${row.family} ${row.shape}, ${row.variant}: ${figure(row.ms)} ms, ${percent(row.ofRoofline)} of roofline`
    : "roofline";

function bars(rows: readonly KernelTime[]): ChartConfiguration<"bar"> {
  return {
    type: "bar",
    data: {
      labels: rows.map(({ shape, variant }) => `${shape}  ${variant}`),
      datasets: [
        {
          data: rows.map(({ ofRoofline }) => 100 * ofRoofline),
          backgroundColor: rows.map(({ chosen }) => (chosen ? "#2546c7" : "#b8c4f0")),
        },
      ],
    },
    options: {
      indexAxis: "y",
      scales: { x: { min: 0, title: { display: true, text: "% of roofline" } }, y: { ticks: { autoSkip: false } } },
      plugins: {
        legend: { display: false },
        tooltip: { callbacks: { label: ({ dataIndex }) => tip(rows[dataIndex]) } },
      },
    },
  };
}

function stepBars(steps: readonly StepRow[]): ChartConfiguration<"bar"> {
  return {
    type: "bar",
    data: {
      labels: steps.map(({ name }) => name),
      datasets: [
        { label: "measured", data: steps.map(({ ms }) => ms), backgroundColor: "#2546c7" },
        {
          label: "least time of its kernels",
          data: steps.map(({ ms, ofRoofline }) => ms * ofRoofline),
          backgroundColor: "#b8c4f0",
        },
      ],
    },
    options: {
      indexAxis: "y",
      scales: { x: { type: "logarithmic", title: { display: true, text: "ms" } } },
    },
  };
}

function growth(rows: readonly { size: number; ms: number; passesMs?: number }[]): ChartConfiguration<"scatter"> {
  const series = (label: string, of: (row: (typeof rows)[number]) => number | undefined, borderColor: string) => ({
    label,
    data: rows.flatMap((row) => (of(row) === undefined ? [] : { x: row.size, y: of(row)! })),
    showLine: true,
    borderColor,
  });
  const datasets = [series("ms", ({ ms }) => ms, "#2546c7")];
  if (rows.some(({ passesMs }) => passesMs !== undefined))
    datasets.push(series("ms of passes", ({ passesMs }) => passesMs, "#d9480f"));
  const scales = { x: { type: "logarithmic" as const }, y: { type: "logarithmic" as const } };
  return { type: "scatter", data: { datasets }, options: { scales } };
}

function kernelTable(rows: Result["kernels"]): void {
  heading("h3", "All kernels");
  const wide = main.appendChild(document.createElement("div"));
  wide.className = "wide";
  const table = wide.appendChild(document.createElement("table"));
  const line = (cells: readonly string[], tag: "td" | "th", mark = ""): void => {
    const row = table.insertRow();
    row.className = mark;
    for (const cell of cells) row.appendChild(document.createElement(tag)).textContent = cell;
  };
  line(["kernel", "shape", "variant", "median ms", "± %", "GFLOP/s", "GB/s", "of roofline", "compile ms"], "th");
  for (const row of rows) {
    const name = [row.family, row.shape, row.variant];
    if (isFault(row)) line([...name, "WRONG", row.wrong], "td", "wrong");
    else {
      const { ms, gflops, gbPerSec, ofRoofline, compileMs, chosen } = row;
      const figures = [figure(ms), spreadOf(row), figure(gflops), figure(gbPerSec), percent(ofRoofline)];
      line([...name, ...figures, compileMs.toFixed(0)], "td", chosen ? "chosen" : "");
    }
  }
}

function draw(height: number, config: ChartConfiguration<"bar" | "scatter">): void {
  const frame = main.appendChild(document.createElement("div"));
  frame.className = "chart";
  frame.style.height = `${height}px`;
  new Chart(frame.appendChild(document.createElement("canvas")), config);
}

function heading(tag: "h2" | "h3", words: string): void {
  main.appendChild(document.createElement(tag)).textContent = words;
}

function text(words: string): void {
  main.appendChild(document.createElement("p")).textContent = words;
}

function groups<T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const group = found.get(by(item));
    if (group) group.push(item);
    else found.set(by(item), [item]);
  }
  return found;
}

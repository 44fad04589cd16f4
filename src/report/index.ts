import { ConfusionMatrix } from "../metrics/confusion.ts";
import { classificationReport } from "../metrics/report.ts";
import { type Counts, confusionMatrix, countsOf, labelsOf } from "../plot/confusion.ts";
import { learningCurves } from "../plot/curves.ts";
import { figure } from "../plot/figure.ts";
import { metricsOf, type RunHistory } from "../plot/history.ts";
import { element, escaped, type Markup, tag } from "../plot/markup.ts";
import { checkReport, op, type ReportOptions, type ReportTable, type Setting } from "./options.ts";
import { misread } from "./samples.ts";
import { style } from "./style.ts";

export type { ReportOptions, ReportSamples, ReportTable, Setting } from "./options.ts";

/**
 * A run as one HTML file that needs no network, no script and no other file: its configuration, learning curves,
 * confusion matrix, figures of each class and misread samples, as far as they are given. It is light or dark as the
 * reader prefers, fits a phone, and prints.
 *
 * ```ts
 * await writeFile("run.html", report({ title: "LeNet on MNIST", configuration, history, confusion, samples }));
 * ```
 *
 * All words given are shown as they are, never as HTML.
 * @returns the text of the file.
 * @throws AttributeError or ShapeError for values that do not fit; nothing is left out silently.
 */
export function report(options: ReportOptions): string {
  const o = checkReport(options);
  const labels = o.labels as readonly string[] | undefined;
  const sections: Markup[] = [];
  const section = (title: string, ...content: readonly Markup[]): void => {
    sections.push(element("section", {}, element("h2", {}, escaped(title)), ...content));
  };
  if (o.configuration !== undefined) section("Configuration", settings(o.configuration));
  if (o.history !== undefined) section("Learning curves", curves(o.history, o.best, o.log));
  if (o.confusion !== undefined) {
    const { classes } = countsOf(op, o.confusion);
    const names = labelsOf(op, labels, classes);
    section("Confusion matrix", matrix(o.confusion, names));
    section("Classes", perClass(o.confusion, names));
  }
  if (o.samples !== undefined) {
    const { text, items } = misread(o.samples, labels);
    section("Misread samples", element("p", { class: "soft" }, escaped(text)), items);
  }
  for (const table of o.tables ?? []) section(table.title, tableOf(table));

  const figures = Object.entries(o.figures ?? {}).map(([name, value]) => pair(name, shown(value)));
  const head = [
    tag("meta", { charset: "utf-8" }),
    tag("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    // The file asks for nothing, and would get nothing.
    tag("meta", {
      "http-equiv": "Content-Security-Policy",
      content: "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }),
    element("title", {}, escaped(o.title)),
    element("style", {}, style as Markup),
  ];
  const main = [
    element("h1", {}, escaped(o.title)),
    ...(o.description ? [element("p", { class: "soft" }, escaped(o.description))] : []),
    ...(figures.length > 0 ? [element("dl", { class: "figures" }, ...figures)] : []),
    ...sections,
  ];
  const page = [element("head", {}, ...head), element("body", {}, element("main", {}, ...main))];
  return `<!doctype html>\n${element("html", { lang: o.lang }, ...page)}\n`;
}

const pair = (name: string, value: string): Markup =>
  element("div", {}, element("dt", {}, escaped(name)), element("dd", {}, escaped(value)));

/** A value as a person reads it. */
const shown = (value: Setting): string =>
  typeof value === "number" ? figure(value, 6) : value === undefined ? "–" : String(value);

/** Settings by their paths: `optimizer.lr`. */
function settings(configuration: Readonly<Record<string, Setting>>): Markup {
  const pairs: Markup[] = [];
  const add = (path: string, value: Setting, around: readonly unknown[]): void => {
    if (around.includes(value)) return;
    if (Array.isArray(value) && value.every((item) => Object(item) !== item))
      pairs.push(pair(path, value.map(shown).join(", ")));
    else if (Object(value) === value && typeof value === "object")
      for (const [name, part] of Object.entries(value as object))
        add(path ? `${path}.${name}` : name, part, [...around, value]);
    else pairs.push(pair(path, shown(value)));
  };
  add("", configuration, []);
  return element("dl", { class: "configuration" }, ...pairs);
}

function curves(history: RunHistory, mark: number | undefined, log: boolean): Markup {
  const metrics = metricsOf(history);
  const rates = history.epochs.map(({ lr }) => lr);
  if (rates.some((rate) => rate !== rates[0])) metrics.push("lr");
  const plots = metrics.map((metric) =>
    learningCurves(history, {
      metric,
      title: metric,
      yLabel: "",
      log: log && metric === "loss",
      mark,
      markLabel: `kept: epoch ${mark}`,
      width: 440,
      height: 290,
    }),
  );
  return element("div", { class: "plots" }, ...(plots as Markup[]));
}

/** Wide content that scrolls by itself, also by keys. */
const wide = (name: string, content: Markup): Markup =>
  element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": name }, content);

function matrix(confusion: Counts, labels: readonly string[]): Markup {
  const size = Math.min(900, Math.max(300, 90 + 33 * labels.length));
  const svg = confusionMatrix(confusion, { labels, size, title: "Actual and predicted classes" }) as Markup;
  // Beyond a phone's width it scrolls, since shrunk numbers cannot be read.
  return size > 440 ? wide("Confusion matrix", svg) : svg;
}

function perClass(confusion: Counts, labels: readonly string[]): Markup {
  const { classes, counts } = countsOf(op, confusion);
  const table = new ConfusionMatrix(classes);
  table.counts.set(counts);
  const scores = classificationReport(table, labels);
  const cells = ({ precision, recall, f1, support }: (typeof scores)["macro"], withBars: boolean): Markup[] => [
    ...[precision, recall, f1].map((score) => {
      const bar = withBars ? { class: "bar", style: `--share:${score.toFixed(4)}` } : {};
      return element("td", bar, escaped(score.toFixed(3)));
    }),
    element("td", {}, escaped(figure(support))),
  ];
  const row = (name: string, content: readonly Markup[]): Markup =>
    element("tr", {}, element("th", { scope: "row" }, escaped(name)), ...content);
  const heads = ["class", "precision", "recall", "F1", "samples"].map((name) =>
    element("th", { scope: "col" }, escaped(name)),
  );
  const accuracy = [element("td", { colspan: 2 }), element("td", {}, escaped(scores.accuracy.toFixed(3)))];
  return wide(
    "Figures of each class",
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...scores.classes.map((each) => row(each.name, cells(each, true)))),
      element(
        "tfoot",
        {},
        row("accuracy", [...accuracy, element("td", {}, escaped(figure(scores.total)))]),
        row("mean", cells(scores.macro, false)),
        row("weighted mean", cells(scores.weighted, false)),
      ),
    ),
  );
}

function tableOf({ title, columns, rows }: ReportTable): Markup {
  // Numbers, also with a unit or a sign, stand below each other; words begin at one edge.
  const isNumber = (cell: string | number): boolean => /^\s*([+−-]?[\d.,]|[–—]?\s*$)/.test(String(cell));
  const kinds = columns.map((_, c) => (rows.every((row) => isNumber(row[c]!)) ? undefined : "words"));
  const heads = columns.map((name, c) => element("th", { scope: "col", class: kinds[c] }, escaped(String(name))));
  const lines = rows.map((row) => {
    const cells = row.map((cell, c) =>
      c === 0
        ? element("th", { scope: "row" }, escaped(shown(cell)))
        : element("td", { class: kinds[c] }, escaped(shown(cell))),
    );
    return element("tr", {}, ...cells);
  });
  return wide(
    title,
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines)),
  );
}

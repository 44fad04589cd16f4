import { checkList, checkNumbers, checkWhole, counted, optionsOf, refuse, ShapeError, show } from "../errors.ts";
import { ConfusionMatrix } from "../metrics/confusion.ts";
import { figure } from "./figure.ts";
import { type Markup, rounded, tag } from "./markup.ts";
import { heading, picture, words } from "./svg.ts";
import { fitted, letter, widthOf } from "./width.ts";

/** A `ConfusionMatrix`, or its counts: [classes, classes], row-major, row = actual class, column = predicted class. */
export type Counts = ConfusionMatrix | ArrayLike<number>;

/** How a confusion matrix is drawn. */
export interface ConfusionOptions {
  /** Default "Confusion matrix". */
  readonly title?: string;
  /** What the picture shows, for people who cannot see it. Default: accuracy and the most frequent mistakes. */
  readonly description?: string;
  /** Names of the classes; default "0", "1", … */
  readonly labels?: readonly string[];
  /** Width and height of the picture; default from 320 to 720, by the number of classes. Letters are 12 high. */
  readonly size?: number;
}

/**
 * A confusion matrix as an SVG image, in light or dark colours as the reader prefers. A cell's colour is its share of
 * the row, that is, of the actual class. Counts and labels that do not fit are left out.
 * @returns the text of an `<svg>` element, also a complete file.
 * @throws ShapeError unless counts are square, or if the numbers of labels and classes differ.
 */
export function confusionMatrix(matrix: Counts, options: ConfusionOptions = {}): string {
  const op = "confusionMatrix";
  const o = optionsOf(op, options, {
    title: "Confusion matrix",
    description: "",
    labels: undefined,
    size: undefined,
  });
  const { classes, counts } = countsOf(op, matrix);
  const labels = labelsOf(op, o.labels, classes);
  const usual = Math.min(720, Math.max(320, 140 + 36 * classes));
  const size = o.size === undefined ? usual : checkWhole(op, "size", o.size, 160);

  // Labels get at most a quarter of the picture. Those of columns are turned if they are wider than a cell.
  const room = Math.min(size / 4, Math.max(...labels.map((label) => widthOf(label))));
  const left = Math.ceil(room) + 3 * letter;
  const top = 2.5 * letter;
  const wide = (size - left - letter) / classes;
  const isTurned = labels.some((label) => widthOf(label) + 4 > wide);
  const below = (isTurned ? Math.ceil(room) + letter : 1.5 * letter) + 2 * letter;
  const high = (size - top - below) / classes;
  const cells: Markup[] = [];
  for (let actual = 0; actual < classes; actual++) {
    const sum = sumOf(counts, actual * classes, classes);
    for (let predicted = 0; predicted < classes; predicted++) {
      const count = counts[actual * classes + predicted]!;
      const [x, y, share] = [left + predicted * wide, top + actual * high, count / (sum || 1)];
      if (count === 0) continue;
      cells.push(tag("rect", { class: "cell", x, y, width: wide, height: high, "fill-opacity": 0.06 + 0.94 * share }));
      const text = figure(count);
      const fits = widthOf(text) + 4 <= wide && letter + 2 <= high;
      const at = { class: share > 0.55 ? "on" : undefined, "text-anchor": "middle" };
      if (fits) cells.push(words(x + wide / 2, y + high / 2 + letter / 3, text, at));
    }
  }
  // Every line that a small picture has room for.
  const every = (step: number): number => Math.ceil((letter + 2) / step);
  const rows = labels.flatMap((label, i) =>
    i % every(high) > 0
      ? []
      : words(left - 8, top + (i + 0.5) * high + letter / 3, fitted(label, room), { "text-anchor": "end" }),
  );
  const columns = labels.flatMap((label, i) => {
    const [x, y] = [left + (i + 0.5) * wide, top + classes * high + 8];
    if (!isTurned) return words(x, y + 0.7 * letter, label, { "text-anchor": "middle" });
    const at = { "text-anchor": "end", transform: `rotate(-90 ${rounded(x)} ${rounded(y)})` };
    return i % every(wide) > 0 ? [] : words(x, y, fitted(label, room), { ...at, dy: letter / 3 });
  });
  const [right, bottom] = [left + classes * wide, top + classes * high];
  const frame = { class: "line", x: left, y: top, width: classes * wide, height: classes * high, fill: "none" };
  const middle = Math.round((top + bottom) / 2);
  return picture(
    { width: size, height: size, title: o.title, description: o.description || described(counts, labels) },
    heading(o.title, size),
    ...cells,
    tag("rect", frame),
    ...rows,
    ...columns,
    words(1.3 * letter, middle, "actual", {
      class: "soft",
      "text-anchor": "middle",
      transform: `rotate(-90 ${1.3 * letter} ${middle})`,
    }),
    words((left + right) / 2, size - 0.7 * letter, "predicted", { class: "soft", "text-anchor": "middle" }),
  );
}

const sumOf = (counts: ArrayLike<number>, from: number, n: number, step = 1): number => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += counts[from + i * step]!;
  return sum;
};

/** Counts after a check, and the number of classes. */
export function countsOf(op: string, matrix: Counts): { classes: number; counts: ArrayLike<number> } {
  if (matrix instanceof ConfusionMatrix) return { classes: matrix.numClasses, counts: matrix.counts };
  if (Object(matrix) !== matrix) refuse(op, "the matrix", matrix, "a ConfusionMatrix, or its counts");
  checkNumbers(op, "the matrix", matrix);
  const classes = Math.round(Math.sqrt(matrix.length));
  if (matrix.length === 0 || classes ** 2 !== matrix.length)
    throw new ShapeError(`${op}: the matrix has ${counted(matrix.length, "count")}, expected [classes, classes]`);
  for (let i = 0; i < matrix.length; i++) checkWhole(op, `the matrix[${i}]`, matrix[i]!, 0, 2 ** 31 - 1);
  return { classes, counts: matrix };
}

/** Names after a check; by default numbers. @param what has the names: "class" or "image". */
export function labelsOf(
  op: string,
  labels: readonly string[] | undefined,
  n: number,
  what: "class" | "image" = "class",
): readonly string[] {
  if (labels === undefined) return Array.from({ length: n }, (_, i) => String(i));
  checkList(op, "labels", labels);
  if (labels.length !== n)
    throw new ShapeError(
      `${op}: ${counted(labels.length, "label")} for ${counted(n, what, what === "class" ? "classes" : undefined)}`,
    );
  return labels.map((label, i) => (typeof label === "string" ? label : refuse(op, `labels[${i}]`, label, "a string")));
}

/** Names that an option must give, at least one, after a check. */
export function namesOf(op: string, option: string, names: readonly string[] | undefined): readonly string[] {
  if (names === undefined) return refuse(op, option, names, "a list of names");
  checkList(op, option, names);
  if (names.length === 0) throw new ShapeError(`${op}: ${option} is [], expected at least one name`);
  return names.map((name, i) => (typeof name === "string" ? name : refuse(op, `${option}[${i}]`, name, "a string")));
}

/** A matrix in two sentences: accuracy, and the three most frequent mistakes. */
function described(counts: ArrayLike<number>, labels: readonly string[]): string {
  const n = labels.length;
  const total = sumOf(counts, 0, n * n);
  const right = sumOf(counts, 0, n, n + 1);
  const cells = Array.from(counts, (count, i) => ({ count, actual: Math.floor(i / n), predicted: i % n }));
  const mistakes = cells
    .filter(({ count, actual, predicted }) => count > 0 && actual !== predicted)
    .sort((a, b) => b.count - a.count)
    .slice(0, 3)
    .map(({ count, actual, predicted }) => `${labels[actual]} as ${labels[predicted]} (${show(count)})`);
  const most = mistakes.length > 0 ? ` Most frequent mistakes: ${mistakes.join(", ")}.` : "";
  return `${figure(right)} of ${figure(total)} ${total === 1 ? "sample" : "samples"} ${right === 1 ? "is" : "are"} right.${most}`;
}

import { checkList, checkWhole, counted, optionsOf, refuse, ShapeError } from "../errors.ts";
import { type ConfusionMatrix, checkMatrix } from "./confusion.ts";
import { type Average, f1, precision, recall } from "./scores.ts";

/** Scores from 0 to 1; `support` is the number of actual samples. */
export interface ReportRow {
  readonly name: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

/** Scores of each class and of all together, as scikit-learn's `classification_report` has them. */
export interface ClassificationReport {
  /** One row per class, in order. */
  readonly classes: readonly ReportRow[];
  readonly macro: ReportRow;
  readonly weighted: ReportRow;
  readonly accuracy: number;
  /** Number of samples. */
  readonly total: number;
}

/**
 * Precision, recall and F1 of each class and their averages, like scikit-learn's `classification_report`.
 *
 * @param names of the classes, for the table. Default "0", "1", …
 * @throws ShapeError if the numbers of names and classes differ.
 */
export function classificationReport(confusion: ConfusionMatrix, names?: readonly string[]): ClassificationReport {
  checkMatrix("classificationReport", confusion);
  const support = confusion.actualCounts();
  const precisions = precision(confusion);
  const recalls = recall(confusion);
  const f1s = f1(confusion);
  const average = (kind: Average): ReportRow => ({
    name: `${kind} avg`,
    precision: precision(confusion, kind),
    recall: recall(confusion, kind),
    f1: f1(confusion, kind),
    support: confusion.total,
  });
  return {
    classes: classNames("classificationReport", confusion, names).map((name, c) => ({
      name,
      precision: precisions[c]!,
      recall: recalls[c]!,
      f1: f1s[c]!,
      support: support[c]!,
    })),
    macro: average("macro"),
    weighted: average("weighted"),
    accuracy: confusion.accuracy(),
    total: confusion.total,
  };
}

/**
 * The report as a plain-text table for a terminal, without a final line break.
 *
 * @param digits after the decimal point, 0 to 20, default 3.
 * @throws AttributeError for other values of `digits`.
 */
export function formatReport(report: ClassificationReport, options: { readonly digits?: number } = {}): string {
  const { digits } = optionsOf("formatReport", options, { digits: 3 });
  checkWhole("formatReport", "digits", digits, 0, 20);
  const rows = [...(Array.isArray(report?.classes) ? report.classes : [undefined]), report?.macro, report?.weighted];
  if (typeof report?.accuracy !== "number" || rows.some((row) => typeof row?.precision !== "number"))
    refuse("formatReport", "the report", report, "the result of classificationReport");
  const cells = (row: ReportRow): string[] => [
    row.name,
    row.precision.toFixed(digits),
    row.recall.toFixed(digits),
    row.f1.toFixed(digits),
    String(row.support),
  ];
  const heading = ["", "precision", "recall", "f1", "support"];
  const accuracy = ["accuracy", "", "", report.accuracy.toFixed(digits), String(report.total)];
  const classes = report.classes.map(cells);
  const lines = table([heading, ...classes, accuracy, cells(report.macro), cells(report.weighted)]);
  lines.splice(1 + classes.length, 0, "");
  lines.splice(1, 0, "");
  return lines.join("\n");
}

/**
 * The confusion matrix as a plain-text table, one row per actual class and one column per predicted class. A zero
 * prints as a dot.
 *
 * @throws ShapeError if the numbers of names and classes differ.
 */
export function formatConfusionMatrix(confusion: ConfusionMatrix, names?: readonly string[]): string {
  checkMatrix("formatConfusionMatrix", confusion);
  const labels = classNames("formatConfusionMatrix", confusion, names);
  const rows = labels.map((label, actual) => [
    label,
    ...labels.map((_, predicted) => String(confusion.at(actual, predicted) || "·")),
  ]);
  return table([["actual \\ predicted", ...labels], ...rows]).join("\n");
}

/** Right-aligned columns, each as wide as its widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "));
}

function classNames(op: string, confusion: ConfusionMatrix, names?: readonly string[]): readonly string[] {
  if (names === undefined) return Array.from({ length: confusion.numClasses }, (_, c) => String(c));
  checkList(op, "names", names);
  if (names.length !== confusion.numClasses) {
    throw new ShapeError(
      `${op}: ${counted(names.length, "name")} for ${counted(confusion.numClasses, "class", "classes")}`,
    );
  }
  return names;
}

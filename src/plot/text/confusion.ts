import { optionsOf } from "../../errors.ts";
import { ConfusionMatrix } from "../../metrics/confusion.ts";
import { formatConfusionMatrix } from "../../metrics/report.ts";
import { type ConfusionOptions, type Counts, countsOf, labelsOf } from "../confusion.ts";

/**
 * A confusion matrix as a table of text: a row per actual class, a column per predicted class. A zero is a dot.
 * @returns lines without a final line break.
 * @throws as `confusionMatrix`.
 */
export function confusionMatrixText(matrix: Counts, options: Pick<ConfusionOptions, "labels"> = {}): string {
  const op = "confusionMatrixText";
  const { labels } = optionsOf(op, options, { labels: undefined });
  const { classes, counts } = countsOf(op, matrix);
  const table = new ConfusionMatrix(classes);
  table.counts.set(counts);
  return formatConfusionMatrix(table, labelsOf(op, labels, classes));
}

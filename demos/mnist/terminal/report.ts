import type { Digits } from "../../../src/datasets/index.ts";
import { metrics } from "../../../src/index.ts";
import { confusionMatrixText } from "../../../src/plot/index.ts";
import { report } from "../../../src/report/index.ts";
import type { History } from "../../../src/train/index.ts";
import { paint, percent } from "../../terminal/format.ts";
import { classes, side } from "../dataset.ts";

/** What a network says of some digits. */
export interface Answers {
  readonly digits: Digits;
  readonly predicted: Int32Array;
  /** The probability that it gives each of these. */
  readonly confidence: Float32Array;
  readonly confusion: metrics.ConfusionMatrix;
}

/** @param scores [images, classes], before softmax. */
export function answersOf(digits: Digits, scores: ArrayLike<number>): Answers {
  const predicted = Int32Array.from(metrics.argmaxRows(scores, classes));
  const confidence = Float32Array.from(predicted, (digit, i) => {
    const row = Array.from({ length: classes }, (_, k) => scores[i * classes + k]!);
    return 1 / row.reduce((sum, score) => sum + Math.exp(score - row[digit]!), 0);
  });
  const confusion = new metrics.ConfusionMatrix(classes).add(predicted, digits.y.data);
  return { digits, predicted, confidence, confusion };
}

/** Accuracy, figures of each digit and the confusion matrix, for a terminal. */
export function printed({ confusion }: Answers): string {
  const scores = metrics.classificationReport(confusion);
  const accuracy = paint("bold", `Test accuracy ${percent(scores.accuracy)}`);
  const matrix = `${paint("bold", "Confusion matrix")}\n\n${confusionMatrixText(confusion)}`;
  return `\n${accuracy}, digit by digit:\n\n${metrics.formatReport(scores)}\n\n${matrix}\n`;
}

/** The run as one HTML file. */
export const page = (
  title: string,
  configuration: Readonly<Record<string, string | number>>,
  history: History<"accuracy">,
  { digits, predicted, confidence, confusion }: Answers,
): string =>
  report({
    title,
    figures: { "test accuracy": percent(confusion.accuracy()) },
    configuration,
    history,
    confusion,
    samples: { pixels: digits.x.data, shape: [side, side], actual: digits.y.data, predicted, confidence },
  });

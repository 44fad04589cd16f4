import { describe, expect, test } from "vitest";
import { metrics } from "../../src/index.ts";
import { type ReportOptions, report } from "../../src/report/index.ts";
import type { History } from "../../src/train/index.ts";
import { all, type Element, parse, wordsOf } from "../markup.ts";

const history: History<"accuracy"> = {
  epochs: [
    { epoch: 1, loss: 2, accuracy: 0.5, val_loss: 2.1, step: 10, samples: 640, seconds: 1, lr: 0.1 },
    { epoch: 2, loss: 1, accuracy: 0.75, val_loss: 1.9, step: 20, samples: 640, seconds: 1, lr: 0.05 },
  ],
  steps: [],
  gradients: [],
};
const confusion = new metrics.ConfusionMatrix(2).add([0, 0, 1, 1, 1], [0, 0, 1, 1, 0]);
const samples = {
  pixels: Uint8Array.from([0, 0, 0, 0, 50, 60, 70, 80, 255, 255, 255, 255]),
  shape: [2, 2],
  actual: [0, 1, 0],
  predicted: [0, 0, 1],
};
const page = (options: ReportOptions): Element => parse(report(options));
const section = (root: Element, title: string): Element =>
  all(root, "section").find((each) => wordsOf(all(each, "h2")[0]!) === title)!;
/** Names and values of a list. */
const pairs = (list: Element): string[][] =>
  all(list, "div").map((pair) => [...all(pair, "dt"), ...all(pair, "dd")].map(wordsOf));
const rows = (table: Element): string[][] =>
  all(table, "tr").map((row) => row.children.map((cell) => wordsOf(cell as Element)));

describe("report", () => {
  test("has a section for each thing given, in order, and no other", () => {
    const titles = (options: ReportOptions) => all(page(options), "h2").map(wordsOf);
    expect(titles({ title: "t" })).toEqual([]);
    const tables = [{ title: "Own", columns: ["a"], rows: [[1]] }];
    expect(titles({ tables, samples, confusion, history, configuration: { a: 1 }, title: "t" })).toEqual([
      "Configuration",
      "Learning curves",
      "Confusion matrix",
      "Classes",
      "Misread samples",
      "Own",
    ]);
  });

  test("is one complete page that asks for nothing", () => {
    const text = report({ title: "LeNet", description: "one\ntwo", figures: { accuracy: 0.98765432 }, lang: "de" });
    expect(text).toMatch(/^<!doctype html>\n<html lang="de">/);
    const root = parse(text);
    expect(wordsOf(all(root, "title")[0]!)).toBe("LeNet");
    expect(wordsOf(all(root, "h1")[0]!)).toBe("LeNet");
    expect(pairs(all(root, "dl")[0]!)).toEqual([["accuracy", "0.987654"]]);
    expect(text).toContain("default-src &#39;none&#39;");
    expect(text).not.toMatch(/<script|<link|https?:/);
  });

  test("lists settings by their paths", () => {
    const configuration = {
      model: "lenet",
      optimizer: { name: "adam", betas: [0.9, 0.999], decay: { rate: 0 } },
      layers: [{ units: 3 }, { units: 4 }],
      none: undefined,
      nothing: null,
      amsgrad: false,
    };
    expect(pairs(section(page({ title: "t", configuration }), "Configuration"))).toEqual([
      ["model", "lenet"],
      ["optimizer.name", "adam"],
      ["optimizer.betas", "0.9, 0.999"],
      ["optimizer.decay.rate", "0"],
      ["layers.0.units", "3"],
      ["layers.1.units", "4"],
      ["none", "–"],
      ["nothing", "null"],
      ["amsgrad", "false"],
    ]);
    const endless: Record<string, never> = {};
    Object.assign(endless, { again: endless, a: 1 });
    expect(pairs(section(page({ title: "t", configuration: endless }), "Configuration"))).toEqual([["a", "1"]]);
  });

  test("plots the loss, each metric, and a learning rate that changes", () => {
    const plots = all(section(page({ title: "t", history, best: 2 }), "Learning curves"), "svg");
    expect(plots.map((plot) => wordsOf(all(plot, "title")[0]!))).toEqual(["loss", "accuracy", "lr"]);
    expect(wordsOf(all(plots[0]!, "desc")[0]!)).toContain("validation: from 2.1 to 1.9");
    expect(all(plots[0]!, "text").map(wordsOf)).toContain("kept: epoch 2");
  });

  test("has precision, recall and F1 of each class", () => {
    const root = page({ title: "t", confusion, labels: ["cat", "dog"] });
    expect(rows(all(section(root, "Classes"), "table")[0]!)).toEqual([
      ["class", "precision", "recall", "F1", "samples"],
      ["cat", "1.000", "0.667", "0.800", "3"],
      ["dog", "0.667", "1.000", "0.800", "2"],
      ["accuracy", "", "0.800", "5"],
      ["mean", "0.833", "0.833", "0.800", "5"],
      ["weighted mean", "0.867", "0.800", "0.800", "5"],
    ]);
    expect(report({ title: "t", confusion: [...confusion.counts], labels: ["cat", "dog"] })).toBe(
      report({ title: "t", confusion, labels: ["cat", "dog"] }),
    );
  });

  test("aligns words and numbers in tables of one's own", () => {
    const tables = [
      {
        title: "Own",
        columns: ["part", "what", "error"],
        rows: [
          ["train", "rows to learn from", "+1.5"],
          ["test", 3, -2],
        ],
      },
    ];
    const cells = all(section(page({ title: "t", tables }), "Own"), "td");
    expect(cells.map((cell) => [wordsOf(cell), cell.attributes.class])).toEqual([
      ["rows to learn from", "words"],
      ["+1.5", undefined],
      ["3", "words"],
      ["−2", undefined],
    ]);
  });

  test("shows misread samples, the surest first where that is known", () => {
    const captions = (own: Partial<ReportOptions["samples"]>) =>
      all(
        section(page({ title: "t", samples: { ...samples, ...own }, labels: ["cat", "dog"] }), "Misread samples"),
        "li",
      ).map(wordsOf);
    expect(captions({})).toEqual(["dog, read as cat", "cat, read as dog"]);
    expect(captions({ confidence: [1, 0.5, 0.75] })).toEqual([
      "cat, read as dog, 75\u00a0%",
      "dog, read as cat, 50\u00a0%",
    ]);
    expect(captions({ most: 1 })).toEqual(["dog, read as cat"]);
    const root = page({ title: "t", samples: { ...samples, most: 1 } });
    expect(wordsOf(all(section(root, "Misread samples"), "p")[0]!)).toBe(
      "2 of 3 samples (66.7 %) are misread. Here are 1, in their order.",
    );
    // The image shown is the second, in its own pixels.
    const { src, width } = all(root, "img")[0]!.attributes;
    expect(width).toBe("2");
    expect(src).toMatch(/^data:image\/png;base64,/);
    expect(captions({ predicted: samples.actual })).toEqual([]);
  });

  test("shows all words given as words", () => {
    const hostile = `</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"'&amp;`;
    const root = page({
      title: hostile,
      description: hostile,
      figures: { [hostile]: hostile },
      configuration: { [hostile]: hostile, list: [hostile] },
      history: { epochs: [{ loss: 1, [hostile]: 2 }] },
      confusion,
      labels: [hostile, hostile],
      samples,
      tables: [{ title: hostile, columns: [hostile], rows: [[hostile]] }],
      lang: hostile,
    });
    expect(all(root, "script")).toEqual([]);
    expect(all(root, "img").every(({ attributes }) => !("onerror" in attributes))).toBe(true);
    expect(wordsOf(all(root, "title")[0]!)).toBe(hostile);
    expect(wordsOf(all(root, "h1")[0]!)).toBe(hostile);
    expect(all(root, "li").map(wordsOf)).toContain(`${hostile}, read as ${hostile}`);
  });

  test("refuses what it cannot show", () => {
    expect(() => report({} as never)).toThrow("report: title is missing, expected a headline");
    expect(() => report({ title: "t", labels: ["a"], confusion })).toThrow("report: 1 label for 2 classes");
    expect(() => report({ title: "t", samples: { ...samples, actual: [0, 1] } })).toThrow(
      "report: samples.predicted has 3 values for 2 samples",
    );
    expect(() => report({ title: "t", samples: { ...samples, pixels: new Uint8Array(8) } })).toThrow(
      "report: samples.pixels holds 2 images for 3 samples",
    );
    expect(() => report({ title: "t", labels: ["a"], samples: { ...samples, actual: [0, 7, 0] } })).toThrow(
      "report: samples.actual[1] is 7, expected a whole number from 0 to 0",
    );
    expect(() => report({ title: "t", history: [] as never })).toThrow("report: history is [], expected the history");
    expect(() => report({ title: "t", tables: [{ title: "x", columns: ["a", "b"], rows: [[1]] }] })).toThrow(
      "report: tables[0].rows[0] has 1 cell for 2 columns",
    );
  });
});

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { csv, svg, textChart } from "../../demos/tabular/curves.ts";
import { features, readHouses } from "../../demos/tabular/houses.ts";
import { parseOptions } from "../../demos/tabular/options.ts";
import { divide, type EpochErrors, Regression } from "../../demos/tabular/regression.ts";
import { Engine, io, metrics } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { all, parse, wordsOf } from "../markup.ts";
import { interruptAt, run, type Watch } from "./command.ts";

const small = { hidden: [8], epochs: 60, batchSize: 32, lr: 0.01, weightDecay: 0, patience: 5, seed: 1 };
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-tabular-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the table", () => {
  test("has 506 rows of 12 features and a price, and no feature that gives the price away", async () => {
    const { x, y } = await readHouses();
    expect(x.shape).toEqual([506, 12]);
    expect(y.shape).toEqual([506, 1]);
    expect([...x.data].every(Number.isFinite)).toBe(true);
    expect(Math.min(...y.data)).toBe(5);
    expect(Math.max(...y.data)).toBe(50);
    expect(features.map(({ name }) => name)).not.toContain("medv");
  });

  test("is split without loss or overlap, by the seed", async () => {
    const houses = await readHouses();
    const parts = divide(houses, 1);
    const rows = ({ x, y }: typeof houses) =>
      Array.from(y.data, (price, i) => [...x.data.subarray(12 * i, 12 * i + 12), price].join());
    expect(Object.values(parts).map(({ y }) => y.data.length)).toEqual([76, 354, 76]);
    expect(Object.values(parts).flatMap(rows).sort()).toEqual(rows(houses).sort());
    expect(divide(houses, 1)).toEqual(parts);
    expect(divide(houses, 2)).not.toEqual(parts);
  });
});

test("training stops when validation stops improving, and restores the best weights", async () => {
  const parts = divide(await readHouses(), 1);
  const engine = await Engine.create({ gpu: await createGPU() });
  const regression = new Regression(engine, parts.train, small);
  const watched: EpochErrors[] = [];
  const { history, best } = await regression.fit(parts, small, (errors) => watched.push(errors), neverStopped());
  expect(watched).toEqual(history);
  expect(history.length).toBeLessThan(small.epochs);
  expect(history.length - best!.epoch).toBe(small.patience);
  expect(best!.validation).toBe(Math.min(...history.map(({ validation }) => validation)));

  expect(await regression.error(parts.validation)).toBe(best!.validation);
  // The same from predictions on the host, in float64.
  const after = await regression.predict(parts.validation);
  expect(metrics.rmse(after, parts.validation.y.data)).toBeCloseTo(best!.validation, 4);
  expect(metrics.r2(await regression.predict(parts.test), parts.test.y.data)).toBeGreaterThan(0.6);

  // Normalisation uses the training rows only, and is saved with the weights.
  const { inputs, prices } = io.parseSafetensors(await regression.save()).metadata;
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
  expect(JSON.parse(prices!).shift[0]).toBeCloseTo(mean(parts.train.y.data), 10);
  const crime = parts.train.x.data.filter((_, i) => i % 12 === 0);
  expect(JSON.parse(inputs!).shift[0]).toBeCloseTo(mean(crime), 10);
  engine.destroy();
});

test("learning curves are drawn as text, a table and an image", () => {
  const history = Array.from({ length: 200 }, (_, i) => ({
    epoch: i + 1,
    train: 1 + 8 / (i + 1),
    validation: 2 + 7 / (i + 1),
  }));
  const best = history[199]!;
  const chart = textChart(history, best, 80, false);
  expect(chart).toContain("× validation   ╎ best in epoch 200");
  expect(chart).not.toContain("\u001b");
  expect(Math.max(...chart.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(textChart(history.slice(0, 1), history[0]!, 80, true)).toContain("training");
  expect(csv(history).split("\n")[1]).toBe("1,9,9");
  expect(svg(history, best)).toMatch(/^<svg .*best in epoch 200.*RMSE in \$1000.*<\/svg>\n$/s);
});

describe("npm run train:tabular", () => {
  test("learns and reports; the same seed gives the same bits", async () => {
    const options = ["--hidden", "16", "--epochs", "25", "--seed", "2", "--output"];
    const curves = join(folder, "curves.csv");
    const report = join(folder, "run.html");
    const files = ["--curves", curves, "--report", report];
    const ran = await train(...options, join(folder, "first.safetensors"), ...files);
    expect(ran.errors).toBe("");
    expect(ran.code).toBe(0);
    expect(ran.output).toMatch(/354 to learn from, 76 to validate on, 76 to test on/);
    expect(ran.output).toMatch(/rm +average number of rooms per dwelling +6\.\d+/);
    expect(ran.output).not.toContain("\u001b"); // No terminal, no escape codes.
    const scores = (name: string): number[] =>
      new RegExp(`^ +${name} +\\d+ +([\\d.]+) +([\\d.]+) +(-?[\\d.]+)$`, "m").exec(ran.output)!.slice(1).map(Number);
    const [tested, guessed] = [scores("test"), scores("test, by the mean price")];
    expect(tested[0]).toBeLessThan(guessed[0]! / 2);
    expect(tested[1]).toBeLessThan(guessed[1]! / 2);
    expect(tested[2]).toBeGreaterThan(0.7);
    expect(Math.abs(guessed[2]!)).toBeLessThan(0.1);
    expect((await readFile(curves, "utf8")).trim().split("\n")).toHaveLength(26);

    const page = parse(await readFile(report, "utf8"));
    expect(all(page, "h2").map(wordsOf)).toEqual([
      "Configuration",
      "Learning curves",
      "Errors in $1000",
      "Some test rows, in $1000",
      "Features",
    ]);
    expect(wordsOf(all(page, "desc")[0]!)).toMatch(/^training: from .* to .*validation: from/);

    const again = await train(...options, join(folder, "second.safetensors"));
    const bits = (output: string) => output.match(/sha256 [0-9a-f]{64}/)?.[0] ?? "none";
    expect(bits(again.output)).toBe(bits(ran.output));
    expect(await readFile(join(folder, "second.safetensors"))).toEqual(
      await readFile(join(folder, "first.safetensors")),
    );
  });

  test("Ctrl-C keeps the best weights so far, and reports", async () => {
    const file = join(folder, "stopped.safetensors");
    const options = ["--hidden", "8", "--epochs", "400", "--patience", "400", "--output", file];
    const ran = await train(...options, interruptAt("25 %"));
    expect(ran.errors).toBe("");
    expect(ran.code).toBe(130);
    expect(ran.output).toMatch(/Stopped by Ctrl-C after epoch \d+\. The weights of epoch \d+, the best, were kept/);
    expect(io.parseSafetensors(await readFile(file)).tensors.size).toBe(4);
  });

  test("refuses wrong options with one sentence and without a GPU", async () => {
    const ran = await train("--hidden", "64,none", "--output", join(folder, "never.safetensors"));
    expect(ran.errors).toContain('--hidden is "none", expected a whole number from 1 to 4,096');
    expect(ran.errors).toContain("npm run train:tabular -- --help lists the options.");
    expect(ran.code).toBe(2);
    expect(ran.output).toBe("");
    expect(existsSync(join(folder, "never.safetensors"))).toBe(false);
    expect(() => parseOptions(["--curves", "curves.png"])).toThrow('--curves is "curves.png", expected a file');
    expect(() => parseOptions(["--report", "run.txt"])).toThrow(
      '--report is "run.txt", expected a file whose name ends in .html',
    );
    expect(parseOptions(["--help"])).toBeUndefined();
  });
});

const neverStopped = () => new AbortController().signal;

/** Runs the program as its npm script does. A function among the arguments is called with its output. */
const train = (...args: (string | Watch)[]) => {
  const options = args.filter((arg) => typeof arg === "string");
  return run(
    "demos/tabular/train.ts",
    options,
    args.find((arg) => typeof arg === "function"),
  );
};

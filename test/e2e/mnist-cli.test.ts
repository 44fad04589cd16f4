import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { io } from "../../src/index.ts";
import { all, parse, wordsOf } from "../markup.ts";
import { interruptAt, run, type Watch } from "./command.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-mnist-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("npm start", () => {
  test("trains a perceptron, evaluates, reports and writes weights; the same seed gives the same bits", async () => {
    const [first, second] = [join(folder, "first.safetensors"), join(folder, "second.safetensors")];
    // Neither the images nor the evaluation divide into whole batches.
    const options = ["--model", "mlp", "--limit", "2000", "--batch-size", "48", "--epochs", "2", "--seed", "3"];
    const run = await train(...options, "--output", first);
    expect(run.errors).toBe("");
    expect(run.code).toBe(0);
    expect(run.output).toMatch(/adapter +\S+/);
    expect(run.output).toMatch(/backend +(WebGPU|WebAssembly): \S+/);
    expect(run.output).toMatch(/memory +\d+\.\d MiB planned/);
    expect(run.output).toMatch(/2,000 to train on, 10,000 to test on/);
    expect(run.output).not.toContain("\u001b"); // No terminal, no escape codes.
    const losses = [...run.output.matchAll(/Epoch \d\/2 {2}loss ([\d.]+) {2}test accuracy ([\d.]+) %/g)];
    expect(losses).toHaveLength(2);
    expect(Number(losses[1]![1])).toBeLessThan(Number(losses[0]![1]));
    expect(Number(losses[1]![2])).toBeGreaterThan(75);
    expect(run.output).toMatch(/precision +recall +f1 +support/);
    expect(run.output).toMatch(/actual \\ predicted( +\d){10}/);

    const { tensors } = io.parseSafetensors(await readFile(first));
    expect(Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]))).toEqual({
      "0.weight": [128, 784],
      "0.bias": [128],
      "2.weight": [10, 128],
      "2.bias": [10],
    });

    const again = await train(...options, "--output", second);
    expect(bits(again.output)).toEqual(bits(run.output));
    expect(await readFile(second)).toEqual(await readFile(first));
  });

  test("trains a convolutional network by default", async () => {
    const [file, report] = [join(folder, "lenet.safetensors"), join(folder, "lenet.html")];
    const run = await train("--limit", "3000", "--epochs", "1", "--output", file, "--report", report);
    expect(run.errors).toBe("");
    expect(run.code).toBe(0);
    expect(run.output).toContain("LeNet: 5×5×8, 5×5×16, 10 on MNIST");
    // The perceptron's epochs may be over before there is anything to tell.
    expect(run.output).toMatch(/Epoch 1\/1 {2}\d\d % {2}loss \d\.\d+ {2}[\d,]+ images\/s {2}\d+:\d\d left/);
    expect(Number(run.output.match(/test accuracy ([\d.]+) %/)?.[1])).toBeGreaterThan(75);
    const page = parse(await readFile(report, "utf8"));
    expect(all(page, "h2").map(wordsOf)).toEqual([
      "Configuration",
      "Learning curves",
      "Confusion matrix",
      "Classes",
      "Misread samples",
    ]);
    expect(all(page, "li")).toHaveLength(24);
    expect(wordsOf(all(page, "li")[0]!)).toMatch(/^\d, read as \d, \d+(\.\d)?\u00a0%$/);
    const { tensors, metadata } = io.parseSafetensors(await readFile(file));
    expect(metadata?.["network"]).toContain("5×5×16");
    expect(Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]))).toEqual({
      "0.weight": [8, 1, 5, 5],
      "0.bias": [8],
      "3.weight": [16, 8, 5, 5],
      "3.bias": [16],
      "7.weight": [10, 400],
      "7.bias": [10],
    });
  });

  test("Ctrl-C keeps the weights so far", async () => {
    const file = join(folder, "stopped.safetensors");
    const run = await train("--epochs", "1000", "--limit", "6400", "--output", file, interruptAt("25 %"));
    expect(run.output).toMatch(/Stopped in epoch \d+, after [\d,]+ of its images; the weights so far are kept/);
    expect(run.errors).toBe("");
    expect(run.code).toBe(130);
    expect(io.parseSafetensors(await readFile(file)).tensors.size).toBe(6);
  });

  test("refuses wrong options with one sentence and without a GPU", async () => {
    const run = await train("--epochs", "many", "--output", join(folder, "never.safetensors"));
    expect(run.errors).toContain('--epochs is "many", expected a whole number from 1 to 1,000');
    expect(run.code).toBe(2);
    expect(run.output).toBe("");
    expect(existsSync(join(folder, "never.safetensors"))).toBe(false);
  });

  test("--help lists the options", async () => {
    const run = await train("--help");
    expect(run.code).toBe(0);
    for (const option of ["model", "epochs", "full", "batch-size", "lr", "seed", "output", "limit"]) {
      expect(run.output).toContain(`--${option} `);
    }
  });
});

/** The part that must be repeatable: all digits of the last loss and the digest of the weights. */
const bits = (output: string) => output.match(/last loss +\S+\n +weights +sha256 [0-9a-f]{64}/)?.[0] ?? "none";

/** Runs the program as `npm start` does. A function among the arguments is called with its output. */
function train(...args: (string | Watch)[]) {
  const options = args.filter((arg) => typeof arg === "string");
  const watch = args.find((arg) => typeof arg === "function");
  return run("demos/mnist/train.ts", options, watch);
}

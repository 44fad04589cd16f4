import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OptionError } from "../../demos/terminal/options.ts";
import { batchAt, batchesIn, corpusOf } from "../../demos/text/corpus.ts";
import { defaults, parseOptions } from "../../demos/text/options.ts";
import { type Settings, Trainer } from "../../demos/text/trainer.ts";
import { mobyDick } from "../../src/datasets/index.ts";
import { Engine, io } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { interruptAt, run, type Watch } from "./command.ts";

const small = { hidden: 16, embedding: 8, batch: 8, length: 8, steps: 60, every: 20, sample: 40 };
const smallOptions = ["--hidden", "16", "--embedding", "8", "--batch-size", "8", "--length", "8", "--sample", "40"];
let folder = "";
let file = "";
let text = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-text-"));
  file = join(folder, "start.txt");
  text = (await mobyDick()).slice(0, 3600);
  await writeFile(file, text);
});
afterAll(() => rm(folder, { recursive: true }));

describe("a text is read", () => {
  test("in streams side by side, each continuing where its last batch ended", () => {
    const codes = Int32Array.from({ length: 21 }, (_, i) => i);
    const window = { batch: 2, length: 4 };
    expect(batchesIn(codes, window)).toBe(2);
    const [first, second] = [batchAt(codes, window, 0), batchAt(codes, window, 1)];
    expect([...first.x]).toEqual([0, 10, 1, 11, 2, 12, 3, 13]);
    expect([...first.y]).toEqual([1, 11, 2, 12, 3, 13, 4, 14]);
    expect([...second.x]).toEqual([4, 14, 5, 15, 6, 16, 7, 17]);
  });

  test("by characters in order of code points, its end kept to validate on", () => {
    const { tokenizer, train, validation } = corpusOf("banana — bandana 🐋".repeat(50));
    expect(tokenizer.state.tokens).toEqual([" ", "a", "b", "d", "n", "—", "🐋"]);
    expect(train.length + validation.length).toBe(18 * 50);
    expect(validation.length).toBe(18);
  });
});

describe("a training that was saved and loaded", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.create({ gpu: await createGPU() });
  });
  afterAll(() => engine.destroy());

  /** Losses of some steps of a new trainer, and the checkpoint after them. */
  async function steps(count: number, settings: Settings, checkpoint?: Uint8Array) {
    const trainer = await Trainer.create(engine, corpusOf(text), settings);
    if (checkpoint) trainer.load(checkpoint);
    const losses: number[] = [];
    for (let i = 0; i < count; i++) {
      await trainer.step();
      losses.push(await trainer.lastBits());
    }
    const bits = await trainer.bits();
    await trainer.sample("Call me");
    return { losses, bits, bytes: await trainer.save() };
  }

  test.each(["lstm", "gru"])("continues bit for bit as if there had been no interruption: %s", async (cell) => {
    // Two layers with dropout between them, and more steps than one pass through the text.
    const settings = { ...defaults, ...small, cell, layers: 2, dropout: 0.2 };
    const whole = await steps(60, settings);
    const before = await steps(25, settings);
    const after = await steps(35, settings, before.bytes);
    expect(whole.losses).toEqual([...before.losses, ...after.losses]);
    expect(whole.losses[59]).toBeLessThan(whole.losses[0]!);
    expect(after.bits).toBe(whole.bits);
    // The samples differ, since the interrupted training wrote one earlier; everything else is the same.
    expect(values(after.bytes)).toEqual(values(whole.bytes));
  });

  /** Everything in a checkpoint except the random key of the samples. */
  function values(bytes: Uint8Array) {
    const { tensors, metadata } = io.parseSafetensors(bytes);
    tensors.delete("sampling.key");
    return { tensors, metadata };
  }

  test("holds weights by PyTorch's names, moments, states, random keys and counters", async () => {
    const { bytes } = await steps(1, { ...defaults, ...small });
    const { tensors, metadata } = io.parseSafetensors(bytes);
    const weights = [
      "embedding.weight",
      "lstm.weight_ih_l0",
      "lstm.weight_hh_l0",
      "lstm.bias_ih_l0",
      "lstm.bias_hh_l0",
    ];
    for (const name of [...weights, "decoder.weight", "decoder.bias"]) {
      expect([...tensors.keys()]).toContain(name);
      expect(tensors.get(`optimizer.${name}.exp_avg`)?.shape).toEqual(tensors.get(name)?.shape);
      expect(tensors.get(`optimizer.${name}.exp_avg_sq`)?.shape).toEqual(tensors.get(name)?.shape);
    }
    expect(tensors.get("lstm.weight_hh_l0")?.shape).toEqual([64, 16]);
    expect(tensors.get("optimizer.step")?.data).toEqual(new Int32Array([1]));
    expect(tensors.get("sampling.key")?.shape).toEqual([2]);
    expect(tensors.get("reader.training.h")?.shape).toEqual([1, 8, 16]);
    expect(metadata).toMatchObject({
      format: "pt",
      step: "1",
      vocabulary: corpusOf(text).tokenizer.state.tokens.join(""),
    });
  });
});

describe("npm run train:text", () => {
  test("learns, writes, and continues after Ctrl-C to the same checkpoint", async () => {
    const [whole, part] = [join(folder, "whole.safetensors"), join(folder, "part.safetensors")];
    const options = [...smallOptions, "--text", file, "--steps", "120", "--every", "20"];
    const ran = await train(...options, "--output", whole);
    expect(ran.errors).toBe("");
    expect(ran.code).toBe(0);
    expect(ran.output).toMatch(/adapter +\S+/);
    expect(ran.output).toMatch(/text +3,528 characters to learn from, 72 to validate on, \d+ distinct/);
    expect(ran.output).not.toContain("\u001b"); // No terminal, no escape codes.
    const bits = [...ran.output.matchAll(/Step \d+\/120 {2}([\d.]+) bits per character, validation ([\d.]+) /g)];
    expect(bits).toHaveLength(6);
    expect(Number(bits[5]![1])).toBeLessThan(Number(bits[0]![1]));
    expect(Number(bits[5]![2])).toBeLessThan(Number(bits[0]![2]));
    expect(ran.output.match(/^ {2}│ /gm)!.length).toBeGreaterThanOrEqual(6);

    const stopped = await train(...options, "--output", part, interruptAt("Step 20/120"));
    expect(stopped.output).toMatch(/Stopped after step \d+/);
    expect(stopped.output).toContain(`--resume`);
    expect(stopped.errors).toBe("");
    expect(stopped.code).toBe(130);
    const { step } = io.parseSafetensors(await readFile(part)).metadata;
    expect(Number(step)).toBeGreaterThanOrEqual(20);
    expect(Number(step)).toBeLessThan(120);

    const resumed = await train("--resume", part, "--text", file);
    expect(resumed.errors).toBe("");
    expect(resumed.output).toContain(`Resuming after step ${step}`);
    expect(report(resumed.output, "Step 120/120")).toBe(report(ran.output, "Step 120/120"));
    expect(digest(resumed.output)).toBe(digest(ran.output));
    expect(await readFile(part)).toEqual(await readFile(whole));

    const elsewhere = await train("--resume", part);
    expect(elsewhere.errors).toContain("belongs to another text");
    expect(elsewhere.code).toBe(1);
  });

  test("refuses wrong options with one sentence and without a GPU", async () => {
    const ran = await train("--cell", "transformer", "--output", join(folder, "never.safetensors"));
    expect(ran.errors).toContain('--cell is "transformer", expected lstm, gru or rnn');
    expect(ran.errors).toContain("npm run train:text -- --help lists the options.");
    expect(ran.code).toBe(2);
    expect(ran.output).toBe("");
    expect(existsSync(join(folder, "never.safetensors"))).toBe(false);
  });

  test("knows which options a checkpoint sets, and which may change", () => {
    const refused = (...args: string[]) => expect(() => parseOptions(args));
    refused("--resume", file, "--hidden", "3").toThrow("--hidden cannot be given with --resume");
    refused("--resume", file, "--full").toThrow("--full cannot be given with --resume");
    refused("--resume", join(folder, "none")).toThrow("there is no such file");
    refused("--temperature", "hot").toThrow('--temperature is "hot", expected a number from 0 to 10');
    refused("--lr", "0").toThrow(OptionError);
    refused("--hiden", "3").toThrow("'--hiden'");
    expect(parseOptions(["--resume", file, "--steps", "90"])).toMatchObject({ settings: { steps: 90 }, output: file });
    expect(parseOptions(["--help"])).toBeUndefined();
  });
});

const digest = (output: string) => output.match(/checkpoint +sha256 [0-9a-f]{64}/)?.[0] ?? "none";

/** A report without its times: losses, and the network's text. */
const report = (output: string, title: string) =>
  output.slice(output.indexOf(title), output.indexOf("Checkpoint written")).replace(/[\d,]+ characters\/s +[\d:]+/, "");

/** Runs the program as its npm script does. A function among the arguments is called with its output. */
const train = (...args: (string | Watch)[]) => {
  const options = args.filter((arg) => typeof arg === "string");
  return run(
    "demos/text/train.ts",
    options,
    args.find((arg) => typeof arg === "function"),
  );
};

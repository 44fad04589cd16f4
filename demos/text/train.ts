import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { mobyDick } from "../../src/datasets/index.ts";
import { Engine, io } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { leaveInterrupted, run } from "../terminal/command.ts";
import { adapterFacts, clock, count, fact, isTerminal, mebibytes, paint } from "../terminal/format.ts";
import { Progress } from "../terminal/progress.ts";
import { corpusOf } from "./corpus.ts";
import { defaults, full, help, type Options, parseOptions } from "./options.ts";
import { type Settings, Trainer } from "./trainer.ts";

await run({ name: "npm run train:text", help, parse: parseOptions, main });

async function main(options: Options, stop: AbortSignal): Promise<void> {
  const began = performance.now();
  const { resume, output } = options;
  const text = options.text ? await readFile(options.text, "utf8") : await mobyDick();
  const textDigest = sha256(text);
  const earlier = resume ? await readCheckpoint(resume, textDigest) : undefined;
  const settings: Settings = { ...(earlier?.settings ?? (options.full ? full : defaults)), ...options.settings };
  const { cell, hidden, layers, batch, length, steps, lr, seed } = settings;
  const name = options.text ? relative(".", options.text) : "Moby-Dick";
  console.log(
    paint("bold", `${cell.toUpperCase()}, ${layers} × ${hidden} units, on ${name}`) +
      paint("dim", `  Adam, lr ${lr}, batches of ${batch} × ${length} characters, seed ${seed}\n`),
  );

  const engine = await Engine.create({ gpu: await createGPU() });
  adapterFacts(engine);
  const corpus = corpusOf(text);
  const { train, validation, tokenizer } = corpus;
  const prompt = options.prompt ?? (text.includes("\n") ? "\n" : tokenizer.token(train[0]!));
  const trainer = await Trainer.create(engine, corpus, settings);
  fact("memory", `${mebibytes(trainer.memory)} planned; ${count(trainer.parameters)} weights`);
  const size = `${count(train.length)} characters to learn from, ${count(validation.length)} to validate on`;
  fact("text", `${size}, ${tokenizer.size} distinct\n`);
  if (earlier && resume) {
    trainer.load(earlier.bytes, resume);
    console.log(`Resuming after step ${count(trainer.steps)}, from ${relative(".", resume)}.\n`);
  }

  const save = async (): Promise<Uint8Array> => {
    const bytes = await trainer.save({ text: textDigest });
    // Write to a temporary file first: half a checkpoint is worse than the old one.
    await writeFile(`${output}.part`, bytes);
    await rename(`${output}.part`, output);
    return bytes;
  };

  while (trainer.steps < steps && !stop.aborted) {
    const { bits, charactersPerSecond } = await trainToReport(trainer, settings, stop);
    if (!Number.isFinite(bits)) {
      throw new Error(
        `step ${trainer.steps}: the loss is not finite; try a lower --lr than ${lr}. The last checkpoint is kept.`,
      );
    }
    if (stop.aborted) break;
    trainer.clearTally();
    console.log(
      `${paint("bold", `Step ${count(trainer.steps)}/${count(steps)}`)}  ${bits.toFixed(3)} bits per character, ` +
        `validation ${paint("green", (await trainer.validate()).toFixed(3))}  ` +
        `${count(charactersPerSecond)} characters/s  ${clock((performance.now() - began) / 1000)}`,
    );
    console.log(quoted(options.prompt ?? "", await trainer.sample(prompt)));
    await save();
  }

  const file = relative(".", output);
  const checkpoint = await save();
  if (stop.aborted && trainer.steps < steps) {
    leaveInterrupted();
    console.log(`\nStopped after step ${count(trainer.steps)}. To continue exactly where it stopped:`);
    console.log(`  npm run train:text -- --resume ${file}${options.text ? ` --text ${name}` : ""}`);
    return;
  }
  console.log(`Checkpoint written to ${file} (${mebibytes(checkpoint.length)}).`);
  const took = clock((performance.now() - began) / 1000);
  console.log(`Took ${took}. The same seed on the same adapter gives the same bits, interrupted or not:`);
  fact("checkpoint", `sha256 ${sha256(checkpoint)}`);
}

/** Trains until the next report or Ctrl-C. */
async function trainToReport(trainer: Trainer, { every, steps, batch, length }: Settings, stop: AbortSignal) {
  const began = performance.now();
  const first = trainer.steps;
  const last = Math.min(steps, (Math.floor(first / every) + 1) * every);
  const speed = (): number => (1000 * (trainer.steps - first) * batch * length) / (performance.now() - began);
  const progress = isTerminal ? new Progress("Training", steps, first) : undefined;
  let reading: Promise<void> | undefined;
  const show = async (): Promise<void> => {
    const left = clock(((steps - trainer.steps) * batch * length) / speed());
    const bits = (await trainer.bits()).toFixed(3);
    progress?.update(trainer.steps, `${bits} bits  ${count(speed())} characters/s  ${left} left`);
  };
  try {
    while (trainer.steps < last && !stop.aborted) {
      await trainer.step();
      if (reading || !progress?.isDue(trainer.steps)) continue;
      // Not awaited: training continues while the number is read.
      reading = show().finally(() => {
        reading = undefined;
      });
    }
    await reading;
    return { bits: await trainer.bits(), charactersPerSecond: speed() };
  } finally {
    progress?.stop();
  }
}

/**
 * @throws Error for a file that is not a checkpoint of this program, or one for another text.
 */
async function readCheckpoint(file: string, textDigest: string) {
  const bytes = await readFile(file);
  const { settings, text } = io.parseSafetensors(bytes, file).metadata;
  if (settings === undefined || text === undefined)
    throw new Error(`${file} is not a checkpoint of npm run train:text`);
  if (text !== textDigest) throw new Error(`${file} belongs to another text: pass the same --text as before`);
  return { bytes, settings: JSON.parse(settings) as Settings };
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The network's text, indented behind a rule. */
function quoted(prompt: string, text: string): string {
  const lines = (paint("bold", prompt) + text).split("\n").map((line) => `${paint("dim", "  │")} ${line}`);
  return `\n${lines.join("\n")}\n`;
}

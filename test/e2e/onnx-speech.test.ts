import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as ort from "onnxruntime-web";
import { afterAll, expect, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { sequence } from "../mutants.ts";
import "../node/gpu.ts";

/*
 * Silero's detectors of voice (MIT), as the package vad-web brings them: networks of speech that are used on many pages, with
 * an If for each rate of samples, and a state that goes from one chunk to the next. ONNX Runtime says what is right.
 */

ort.env.wasm.numThreads = 1;
const folder = dirname(createRequire(import.meta.url).resolve("@ricky0123/vad-web"));
const engine = await Engine.create();
afterAll(() => engine.destroy());

const rate = 16_000;
const samples = 512;

/** Chunks of sound: silence with a little noise, then a voice that says a vowel, with a pitch that falls. */
function sound(chunks: number): Float32Array[] {
  const draw = sequence(5);
  const noise = (): number => draw(1000) / 500 - 1;
  let phase = 0;
  const voiced = (time: number): number => {
    phase += (2 * Math.PI * (170 - 100 * time)) / rate;
    // Harmonics, as loud as the resonances of an "a" make them.
    const loud = (frequency: number) =>
      [700, 1200, 2600].reduce((sum, peak) => sum + 1 / (1 + ((frequency - peak) / 120) ** 2), 0);
    const sum = Array.from({ length: 25 }, (_, k) => loud(150 * (k + 1)) * Math.sin((k + 1) * phase));
    return 0.15 * sum.reduce((total, value) => total + value, 0);
  };
  return Array.from({ length: chunks }, (_, chunk) =>
    Float32Array.from(
      { length: samples },
      (_, i) => 0.003 * noise() + (chunk < chunks / 3 ? 0 : voiced((chunk * samples + i) / rate)),
    ),
  );
}

test.each([
  { model: "silero_vad_legacy", context: 0, size: 64, states: { h: "hn", c: "cn" } },
  { model: "silero_vad_v5", context: 64, size: 128, states: { state: "stateN" } },
])("$model hears what it hears in ONNX Runtime, to 1e-3", async ({ model, context, size, states }) => {
  const bytes = new Uint8Array(await readFile(join(folder, `${model}.onnx`)));
  const shape = [2, 1, size];
  const shapes = Object.fromEntries(Object.keys(states).map((name) => [name, shape]));
  const { outputs } = importOnnx(bytes, {
    inputs: { input: [1, context + samples], ...shapes },
    constants: { sr: [rate] },
  });
  const program = await engine.compile({ outputs });
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const tensor = (data: Float32Array, dims: readonly number[]) => new ort.Tensor("float32", data, dims);
  const sr = new ort.Tensor("int64", BigInt64Array.of(BigInt(rate)), []);

  const empty = () => Object.fromEntries(Object.keys(states).map((name) => [name, new Float32Array(2 * size)]));
  let [mine, theirs] = [empty(), empty()];
  let before = new Float32Array(context);
  const heard: number[] = [];
  for (const chunk of sound(12)) {
    // The end of the last chunk comes before each.
    const input = Float32Array.of(...before, ...chunk);
    before = chunk.slice(samples - context);
    const got = await program.compute({ input, ...mine });
    const given = Object.entries(theirs).map(([name, state]) => [name, tensor(state, shape)] as const);
    const results = await session.run({ input: tensor(input, [1, input.length]), sr, ...Object.fromEntries(given) });
    expect(Object.keys(results)).toEqual(Object.keys(outputs));
    for (const [name, { data }] of Object.entries(results)) {
      const wanted = data as Float32Array;
      const distance = Math.max(...wanted.map((value, i) => Math.abs(value - got[name]![i]!)));
      expect(distance, name).toBeLessThan(1e-3);
    }
    heard.push(got["output"]![0]!);
    const next = (from: (name: string) => unknown) =>
      Object.fromEntries(
        Object.entries(states).map(([name, after]) => [name, from(after) as Float32Array<ArrayBuffer>]),
      );
    mine = next((name) => got[name]);
    theirs = next((name) => results[name]!.data);
  }
  // Silence, then a voice.
  expect(Math.max(...heard.slice(0, 4))).toBeLessThan(0.2);
  expect(Math.max(...heard.slice(4))).toBeGreaterThan(0.8);
  await session.release();
  program.destroy();
});

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { load, type Program, Runner } from "../../src/exported/index.ts";
import { type Exported, type Feeds, FormatError, LimitError, type TensorData, TilegradError } from "../../src/index.ts";
import { trainingFile } from "../exported.ts";
import { mutant, sequence } from "../mutants.ts";

/* Damaged files of exported programs on a device: a file that passes the check runs, or gives a tilegrad error. */

let runner: Runner;
let sound: Exported;
const errors: string[] = [];
beforeAll(async () => {
  runner = await Runner.create();
  runner.device.addEventListener("uncapturederror", ({ error }) => errors.push(error.message));
  sound = trainingFile({ targets: [runner.traits] });
});
afterAll(() => runner.destroy());

const feeds: Record<string, Feeds> = {
  train: {
    x: Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)),
    y: Int32Array.from({ length: 8 }, (_, i) => i % 3),
  },
  predict: { x: Float32Array.from({ length: 6 }, (_, i) => Math.cos(i)) },
};

/** All results of a few runs. */
async function results(programs: Readonly<Record<string, Program>>): Promise<Record<string, TensorData>[]> {
  const found: Record<string, TensorData>[] = [];
  for (const name of ["train", "train", "predict"]) found.push(await programs[name]!.compute(feeds[name]!));
  return found;
}

async function loaded(file: unknown) {
  const { programs } = await load(runner, file);
  try {
    return await results(programs as Readonly<Record<string, Program>>);
  } finally {
    for (const program of Object.values(programs)) program.destroy();
  }
}

/** Parts that users only see, so any text may pass. */
const shown = /label|family|variant|role|flops|invocations|programs\.\w+\.calls\.\d+\.bytes: \d/;

test("runs as the valid one does, as another program, or gives a tilegrad error", async () => {
  const wanted = await loaded(sound);
  const draw = sequence(5);
  const counts = { same: 0, other: 0, refused: 0 };
  for (let i = 0; i < 150; i++) {
    const { value, at } = mutant(sound, draw);
    try {
      const found = await loaded(value);
      const same = JSON.stringify(found) === JSON.stringify(wanted);
      if (shown.test(at)) expect(same, at).toBe(true);
      counts[same ? "same" : "other"]++;
    } catch (error) {
      if (!(error instanceof TilegradError)) throw new Error(at, { cause: error });
      counts.refused++;
    }
  }
  // Nothing of it has reached the device.
  expect(errors).toEqual([]);
  expect(await loaded(sound)).toEqual(wanted);
  expect(counts.same).toBeGreaterThan(10);
  expect(counts.other).toBeGreaterThan(0);
  expect(counts.refused).toBeGreaterThan(50);
});

test.each<[string, (text: string) => unknown]>([
  ["text", (text) => text],
  ["an ArrayBuffer", (text) => new TextEncoder().encode(text).buffer],
  ["bytes within a larger buffer", (text) => new TextEncoder().encode(`__${text}__`).subarray(2, -2)],
  ["a DataView", (text) => new DataView(new TextEncoder().encode(text).buffer)],
])("a file is loaded from %s", async (_, make) => {
  expect(await loaded(make(JSON.stringify(sound)))).toEqual(await loaded(sound));
});

test.each<[string, unknown, string]>([
  [
    "a page of HTML",
    "<!DOCTYPE html><title>404</title>",
    'the file begins with "<!DOCTYPE html><title>404</title>", expected JSON',
  ],
  ["half a file", '{ "format": "tilegrad pro', 'the file begins with "{ \\"format'],
  ["an empty answer", new ArrayBuffer(0), "the file has no text, expected JSON from exportPrograms"],
])("%s is refused", async (_, file, message) => {
  await expect(load(runner, file)).rejects.toThrow(FormatError);
  await expect(load(runner, file)).rejects.toThrow(message);
});

test("a file that asks for more memory than the adapter or the caller allows is refused before any is allocated", async () => {
  const createBuffer = vi.spyOn(runner.device, "createBuffer");
  const loading = load(runner, sound, { maxBytes: 5_000 });
  await expect(loading).rejects.toThrow(LimitError);
  await expect(loading).rejects.toThrow(/asks for \d{4,5} bytes of memory, maxBytes is 5000/);
  // A variable of 2 TB that no program uses: it would take only host memory.
  const huge = structuredClone(sound) as unknown as { variables: object[] };
  const initial = { drawing: { distribution: "normal", scale: 1, seed: 0, stream: 0 } };
  huge.variables.push({ name: "w", group: "parameters", shape: [2 ** 39], dtype: "f32", initial });
  await expect(load(runner, huge)).rejects.toThrow(LimitError);
  expect(createBuffer).not.toHaveBeenCalled();
  createBuffer.mockRestore();
});

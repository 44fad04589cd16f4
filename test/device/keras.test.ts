import { afterAll, expect, test } from "vitest";
import { Engine, input, io, type nn } from "../../src/index.ts";
import { type KerasOptions, parseKerasWeights } from "../../src/keras/index.ts";
import { readFile } from "../files.ts";
import { forced } from "../forced.ts";
import { channelsFirst, type Expected, images, sequences } from "../keras/models.ts";

// Weights that Keras saved, as a user would load them; results are those of Keras.
const engine = await Engine.create(forced());
afterAll(() => engine.destroy());

const expected: Record<"images" | "sequences", Expected> = JSON.parse(
  new TextDecoder().decode(await readFile("test/keras/files/expected.json")),
);

async function predicted(model: nn.Module, file: string, x: Float32Array | Int32Array, options?: KerasOptions) {
  const tensors = parseKerasWeights(await readFile(`test/keras/files/${file}`), options);
  io.loadSafetensors(engine, model, io.serializeSafetensors(tensors));
  const shape = x instanceof Int32Array ? [3, 6] : [2, 2, 9, 8];
  const y = model(input("x", shape, x instanceof Int32Array ? "i32" : "f32"));
  const program = await engine.compile({ outputs: { y } });
  try {
    return (await program.compute({ x })).y;
  } finally {
    program.destroy();
  }
}

const largest = (got: ArrayLike<number>, wanted: readonly number[]): number =>
  Math.max(...wanted.map((value, i) => Math.abs(value - got[i]!)));

test.each(["images.keras", "images.h5"])("a CNN of %s predicts what it does in Keras", async (file) => {
  const { x, shape, y } = expected.images;
  const got = await predicted(images(), file, channelsFirst(x, shape), { flatten: { dense: [6, 6, 3] } });
  expect(largest(got, y)).toBeLessThan(1e-5);
});

test.each(["sequences.keras", "sequences.weights.h5", "sequences.h5", "keras2.h5"])(
  "recurrent layers of %s predict what they do in Keras",
  async (file) => {
    const { x, y } = expected.sequences;
    expect(largest(await predicted(sequences(), file, Int32Array.from(x)), y)).toBeLessThan(1e-5);
  },
);

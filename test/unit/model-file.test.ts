import { describe, expect, test } from "vitest";
import { AttributeError, data, FormatError, io, nn, type Variable } from "../../src/index.ts";
import { loadModel, type ModelFileOptions, saveModel } from "../../src/model/index.ts";
import type { Runner } from "../../src/runtime/runner.ts";
import { blocks } from "../models.ts";
import { damaged, mutant, sequence } from "../mutants.ts";

/** A runner without a GPU: variables keep what was written to them. */
const held = new Map<Variable, unknown>();
const runner = {
  read: async (variable: Variable) => held.get(variable) ?? variable.initial,
  write: (variable: Variable, values: unknown) => held.set(variable, values),
} as unknown as Runner;

const normalizer = data.normalizer({ shift: [1, 2], divisor: [3, 4], offset: 0 });
const model = nn.sequential({ body: nn.linear(2, 4), block: blocks.residual(4), head: nn.batchNorm1d(4) });
const file = await saveModel(runner, model, { input: { shape: [2] }, labels: ["a", "b"], normalizer });
const { tensors, metadata } = io.parseSafetensors(file);
const described = JSON.parse(metadata["tilegrad"]!) as object;

/** The same file with another description. */
const withText = (text: string) => io.serializeSafetensors(tensors, { tilegrad: text });
const withPart = (part: object) => withText(JSON.stringify({ ...described, ...part }));

test("a loaded model has the weights of the saved one", () => {
  const loaded = loadModel(runner, file, { custom: blocks });
  for (const [name, variable] of loaded.model.variables)
    expect(held.get(variable), name).toEqual(model.variables.get(name)!.initial);
  expect(loaded.model.variables.size).toBe(model.variables.size);
  expect(loaded.normalizer!.apply([4, 6])).toEqual(Float32Array.of(1, 1));
});

test("parts that were not given are absent", async () => {
  const loaded = loadModel(runner, await saveModel(runner, nn.linear(2, 1)));
  expect({ ...loaded, model: 0 }).toEqual({
    model: 0,
    input: undefined,
    labels: undefined,
    normalizer: undefined,
    metadata: {},
  });
});

describe("loadModel refuses", () => {
  const json = (model: unknown) => ({ format: "tilegrad model 1", model });

  test.each<[string, Uint8Array, string]>([
    ["a file of weights", io.serializeSafetensors(tensors), 'm: has no metadata "tilegrad", which describes a model'],
    ["a description that is no JSON", withText("{"), "m: the text begins with"],
    ["a description that is no object", withText("[]"), 'm: the metadata "tilegrad" is [], expected an object'],
    ["another format", withPart({ format: "x" }), 'm: format is "x", expected "tilegrad model 1"'],
    ["surplus fields", withPart({ weights: 1 }), 'm: "weights" is not a field of this format'],
    ["a wrong input", withPart({ input: { shape: [0] } }), "m: input: input: axis 0 of [0] is 0"],
    ["a wrong dtype", withPart({ input: { shape: [1], dtype: "f64" } }), 'm: input: input: dtype is "f64"'],
    ["wrong labels", withPart({ labels: [1] }), "m: labels: labels: labels is [1], expected a list of texts"],
    ["a wrong normalizer", withPart({ normalizer: { shift: [1], divisor: [0], offset: 0 } }), "m: normalizer: normal"],
    ["other weights", withPart(json({ layer: "linear", args: [2, 4] })), "m: 2 tensors are missing: weight, bias; 9"],
    [
      "more memory than the file has weights",
      withPart(json({ layer: "linear", args: [1000, 1000] })),
      "m: with model, the variables take 4004000 bytes, at most 196 are allowed",
    ],
  ])("%s", (_, bytes, message) => {
    const load = () => loadModel(runner, bytes, { custom: blocks, name: "m" });
    expect(load).toThrow(FormatError);
    expect(load).toThrow(message);
  });

  test("a function of the user's that it does not get", () => {
    expect(() => loadModel(runner, file)).toThrow(
      'model file: model.args[0].block.layer is "residual", which is no layer',
    );
  });

  test("damaged files and descriptions, with a short message", () => {
    const draw = sequence(5);
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const [bytes, at] =
        i % 3 === 0
          ? [damaged(file, draw), "bytes"]
          : (({ value, at }) => [withText(JSON.stringify(value)), at] as const)(mutant(described, draw));
      try {
        const { model: found } = loadModel(runner, bytes, { custom: blocks });
        expect(found.variables.size, at).toBeLessThanOrEqual(tensors.size);
      } catch (error) {
        expect(error, at).toBeInstanceOf(FormatError);
        expect((error as Error).message.length, at).toBeLessThan(600);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2000);
  });
});

describe("saveModel refuses", () => {
  test.each<[string, unknown, string]>([
    ["a name that is taken", { metadata: { tilegrad: "x" } }, 'saveModel: metadata may not be called "tilegrad"'],
    ["metadata that is no text", { metadata: { epoch: 3 } }, 'metadata "epoch" is 3, expected text'],
    [
      "the state of a normalizer",
      { normalizer: normalizer.state },
      "saveModel: normalizer is an object, expected what",
    ],
    ["labels that are no list", { labels: "ab" }, 'saveModel: labels is "ab", expected a list of texts'],
    ["a shape for an input", { input: [1, 2] }, "saveModel: the argument is [1, 2], expected { shape, dtype }"],
    ["unknown options", { label: [] }, 'saveModel: there is no option "label" (did you mean "labels"?)'],
  ])("%s", async (_, options, message) => {
    const saving = saveModel(runner, nn.linear(2, 1), options as ModelFileOptions);
    await expect(saving).rejects.toThrow(AttributeError);
    await expect(saving).rejects.toThrow(message);
  });

  test("a model that it cannot describe", async () => {
    await expect(
      saveModel(
        runner,
        nn.stateless((x) => x),
      ),
    ).rejects.toThrow("toJSON: the model is an nn.module");
  });
});

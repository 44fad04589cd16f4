import fc from "fast-check";
import { expect, test } from "vitest";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { firstMiss } from "../golden/cases.ts";
import { buildIdioms, idioms } from "../graphs/idioms.ts";
import { firstValues, inputsIn, opsOf, sines } from "../onnxExport.ts";

test("random graphs of what layers are made of are the same once written and imported again", {
  timeout: 60_000,
}, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(idioms, fc.constantFrom(17, 18, 21), async (recipe, opset) => {
      const outputs = buildIdioms(recipe);
      const inputs = Object.fromEntries(
        inputsIn(Object.values(outputs)).map((x, i) => [x.node.attrs["name"], sines(x.size, i)]),
      );
      const wanted = evaluate(outputs, { inputs });
      const { bytes } = await exportOnnx(firstValues, outputs, { opset });
      for (const op of opsOf(bytes)) seen.add(op);
      const back = importOnnx(bytes);
      const again = evaluate(back.outputs, {
        inputs: Object.fromEntries(Object.keys(back.inputs).map((name) => [name, inputs[name]!])),
      });
      for (const [name, { shape, data }] of Object.entries(wanted)) {
        const found = back.known[name] ?? again[name]!;
        expect(found.shape).toEqual(shape);
        expect(firstMiss(found.data, data, 1e-4, 1e-4)).toBe(undefined);
      }
    }),
    { numRuns: 150, seed: 1 },
  );
  const layers = [
    "Conv",
    "Gemm",
    "BatchNormalization",
    "LayerNormalization",
    "AveragePool",
    "LSTM",
    "GRU",
    "ReduceMean",
  ];
  expect([...seen]).toEqual(expect.arrayContaining([...layers, "InstanceNormalization", "Where", "Add", "MatMul"]));
});

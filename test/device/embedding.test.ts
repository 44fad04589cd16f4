import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, grad, input, io, nn } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { weigh } from "../differences.ts";
import { firstMiss } from "../golden/cases.ts";

/*
 * Gradients of tables in every variant, and layers whose weights come from PyTorch.
 */

let device: GPUDevice;
beforeAll(async () => {
  device = await (await navigator.gpu.requestAdapter())!.requestDevice();
});
afterAll(() => device.destroy());

describe("the gradient of an embedding", () => {
  test.each([
    [5, 4, 33],
    [5, 3, 33],
    [70, 8, 9],
    [300, 5, 130],
    [1, 1, 1],
  ])("of %i rows of %i from %i positions, bit for bit in all variants", async (rows, size, positions) => {
    const [weight, index] = [input("weight", [rows, size]), input("index", [positions], "i32")];
    const feeds = {
      index: Int32Array.from({ length: positions }, (_, i) => (i * i * 7) % rows),
    };
    const gradient = (options: { paddingIdx?: number }) =>
      grad(weigh(t.embedding(index, weight, options)), [weight])[0]!;
    const outputs = { all: gradient({}), padded: gradient({ paddingIdx: 0 }) };
    const found: Record<string, unknown>[] = [];
    for (const variant of ["naive", "rows", "positions", "sorted"]) {
      const engine = await Engine.create({ device, variants: { embeddingGrad: variant } });
      const program = await engine.compile({ outputs });
      await program.run(feeds);
      const got = { all: await program.outputs.all.data(), padded: await program.outputs.padded.data() };
      const wanted = evaluate(outputs, { inputs: feeds });
      for (const name of ["all", "padded"] as const) {
        expect(firstMiss(got[name], wanted[name].data, 1e-5, 1e-5), name).toBeUndefined();
      }
      // Another kernel may fill the table with zeros first: it does not count.
      const adding = program.inspect().kernels.filter(({ label }) => label.startsWith("embeddingGrad"));
      expect(adding.map((kernel) => kernel.variant)).toEqual([variant, variant]);
      found.push(got);
      engine.destroy();
    }
    for (const got of found) expect(got).toEqual(found[0]);
  });
});

test("a batch normalisation of PyTorch is loaded with its 64-bit count", async () => {
  const engine = await Engine.create({ device });
  const variables = nn.stateDict(nn.batchNorm1d(2));
  const floats = ["weight", "bias", "running_mean", "running_var"].map(
    (name, i) => [name, { dtype: "F32", shape: [2], data: Float32Array.of(i, i + 0.5) }] as const,
  );
  const file = (count: bigint) =>
    io.serializeSafetensors([
      ...floats,
      ["num_batches_tracked", { dtype: "I64", shape: [], data: BigInt64Array.of(count) }],
    ]);
  io.loadSafetensors(engine, variables, file(12n));
  expect(await engine.read(variables.get("num_batches_tracked")!)).toEqual(Int32Array.of(12));
  expect(await engine.read(variables.get("running_var")!)).toEqual(Float32Array.of(3, 3.5));
  expect(() => io.loadSafetensors(engine, variables, file(1n << 40n))).toThrow("do not fit into 32 bits");
  engine.destroy();
});

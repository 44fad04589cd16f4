import { afterAll, beforeAll, expect, test } from "vitest";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { Engine, input, matmul } from "../../src/index.ts";
import { matmulFamily } from "../../src/kernels/matmul.ts";
import { selfCheck } from "../../src/selfcheck/index.ts";
import { spares } from "../place.ts";

let device: GPUDevice;
beforeAll(async () => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const requiredFeatures = (["shader-f16"] as const).filter((name) => adapter.features.has(name));
  device = await adapter.requestDevice({ requiredFeatures });
});
afterAll(() => device.destroy());

// Adapters with f16 compile everything twice, and CPU adapters take minutes for the largest tiles.
const timeout = 300_000;

// Chrome has the compiler and driver of Node, which take most of a minute here.
test.skipIf(spares)("all variants of all families are correct here", { timeout }, async () => {
  const { checked, faults } = await selfCheck({ device });
  expect(faults).toEqual([]);
  expect(checked).toEqual(
    expect.arrayContaining([
      "matmul/naive",
      "matmul/tiled",
      "matmul/tiled128",
      "matmul/groupK4x8",
      "reduce/columns",
      "reduce/tree",
      "softmax/serial",
      "conv2d/direct",
      "conv2d/halo",
      "conv2dWeightGrad/depthwise",
      "conv2dWeightGrad/halo",
      "conv2dWeightGrad/tiled",
      "maxPool2dGrad/blocks",
      "layerNorm/serial",
      "layerNorm/tree",
      "embeddingGrad/rows",
      "embeddingGrad/positions",
      "squaredNorm/tree",
      "lstm/steps4",
      "lstm/walk",
      "lstm/walk4",
      "lstm/walk8",
      "gru/walk",
      "rnn/walk",
      "elementwise/naive",
      "elementwise/vec4",
      "pad/naive",
      "concat/vec4",
      "cumsum/blocks",
      "gather/naive",
    ]),
  );
});

test("all variants that need no GPU are correct in WebAssembly", { timeout }, async () => {
  const { adapter, checked, faults } = await selfCheck({ backend: "wasm" });
  expect(adapter).toBe("webassembly simd");
  expect(faults).toEqual([]);
  expect(checked).toEqual(
    expect.arrayContaining([
      "matmul/naive",
      "matmul/direct16x8",
      "reduce/columns",
      "softmax/serial",
      "conv2d/direct",
      "maxPool2dGrad/blocks",
      "layerNorm/serial",
      "embeddingGrad/positions",
      "lstm/steps4",
      "elementwise/vec4",
      "concat/vec4",
      "cumsum/blocks",
    ]),
  );
  // These share memory of a workgroup, which WebAssembly has none of.
  expect(checked.filter((name) => /\/(tree|tiled|walk)/.test(name))).toEqual([]);
});

test.skipIf(spares)("a wrong variant is caught by name and avoided", { timeout }, async () => {
  const planted = matmulFamily.variants as unknown as {
    name: string;
    score: () => number;
    write: (p: never, traits: never) => Kernel;
  }[];
  const tile = planted.find(({ name }) => name === "direct4x4")!;
  // Like a driver bug: correct in form, wrong in value, and the first choice everywhere.
  planted.push({
    ...tile,
    name: "planted",
    score: () => 100,
    write(p, traits) {
      const kernel = tile.write(p, traits);
      return { ...kernel, body: kernel.body.replace("sum0_0 += ", "sum0_0 -= ") };
    },
  });
  try {
    const { faults } = await selfCheck({ device });
    expect(faults).toEqual([
      { family: "matmul", variant: "planted", detail: expect.stringMatching(/^product\[0\] is .*, expected /) },
    ]);

    const description = { outputs: { y: matmul(input("a", [8, 8]), input("b", [8, 8])) } };
    const used = async (engine: Engine) => (await engine.compile(description)).inspect().kernels[0]!.variant;
    expect(await used(await Engine.create({ device }))).toBe("planted");
    expect(await used(await Engine.create({ device, selfCheck: true }))).not.toBe("planted");
  } finally {
    planted.pop();
  }
});

import { describe, expect, test } from "vitest";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { nn } from "../../src/index.ts";
import { agree, agreeForBatches } from "../onnxExport.ts";

/*
 * Which groups of nodes become one node of ONNX, and which only look like such a group. Sizes are alike on purpose: with
 * a square image and as many channels, a value along one axis fits all.
 */

const sines = (n: number, seed: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + seed));
const weight = (shape: readonly number[], seed = 1): Tensor =>
  t.variable(
    sines(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  );
const positive = (n: number): Tensor =>
  t.variable(
    Float32Array.from({ length: n }, (_, i) => i + 1),
    [n],
  );

describe("a value along another axis than the channels", () => {
  const image = t.input("x", [3, 2, 3, 3]);
  const convolved = t.conv2d(image, weight([3, 2, 3, 3]), undefined, { padding: 1 });

  test.each([
    ["columns", [3]],
    ["rows", [3, 1]],
    ["images", [3, 1, 1, 1]],
  ])("%s is no bias of a convolution", async (_, shape) => {
    expect(await agree(t.add(convolved, t.reshape(weight([3], 2), shape)))).toContain("Add");
  });

  test("channels is its bias", async () => {
    expect(await agree(t.add(convolved, t.reshape(weight([3], 2), [3, 1, 1])))).toEqual(["Conv"]);
  });

  test.each([
    ["columns", [3], false],
    ["rows", [3, 1], false],
    ["channels", [3, 1, 1], true],
    ["images", [3, 1, 1, 1], false],
  ])("arithmetic of batch normalisation along %s", async (_, shape, isNormalization) => {
    const along = (value: Tensor) => t.reshape(value, shape);
    const scale = along(t.rsqrt(t.add(positive(3), 1e-5)));
    const x = t.input("x", [3, 3, 3, 3]);
    const y = t.add(t.mul(t.sub(x, along(weight([3], 2))), scale), along(weight([3], 3)));
    expect((await agree(y)).includes("BatchNormalization")).toBe(isNormalization);
  });

  test("a negative ε is no batch normalisation", async () => {
    const scale = t.rsqrt(t.add(positive(3), -0.5));
    expect(await agree(t.mul(t.sub(t.input("x", [2, 3]), weight([3])), scale))).not.toContain("BatchNormalization");
  });
});

describe("operands that broadcast", () => {
  test("a condition, of numbers and of inputs", async () => {
    const isPositive = t.expand(t.gt(t.input("m", [1, 5]), 0), [3, 5]);
    const x = t.expand(t.input("x", [5]), [3, 5]);
    const outputs = {
      numbers: t.where(isPositive, 1, 0),
      same: t.where(isPositive, x, 0),
      other: t.where(t.gt(x, 0), 1, x),
    };
    const ops = await agree(outputs as never);
    expect(ops.filter((op) => op === "Cast")).toHaveLength(0);
  });
});

test("remainders of floats keep their digits", async () => {
  const [a, b] = [t.input("a", [10]), t.input("b", [10])];
  const feeds = {
    a: [7, -7, 7, -7, 0.375, 1e10, -1e10, 5, -5, 0],
    b: [2, 2, -2, -2, 0.25, 3, 0.75, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -3],
  };
  for (const opset of [17, 22]) await agree(t.mod(a, b), { feeds, opset });
});

describe("recurrent layers in mixed precision", () => {
  test.each([
    ["LSTM", nn.lstm(3, 4).output],
    ["GRU", nn.gru(3, 4).output],
    ["RNN", nn.rnn(3, 4, { bidirectional: true }).output],
  ] as const)("%s", async (op, layer) => {
    const y = nn.mixedPrecision(layer as never)(t.input("x", [5, 2, 3]), { training: false });
    const ops = await agree(y, { half: true });
    expect(ops).toContain(op);
    expect(ops).not.toContain("MatMul");
  });

  test("gates of another origin, in f16", async () => {
    const gates = t.cast(t.relu(t.input("x", [5, 2, 16])), "f16");
    const recurrence = t.cast(weight([16, 4]), "f16");
    const ones = t.cast(
      t.constant(
        Float32Array.from({ length: 256 }, (_, i) => Number(i % 17 === 0)),
        [16, 16],
      ),
      "f16",
    );
    const { output } = t.lstm(gates, [{ weightIh: ones, weightHh: recurrence }]);
    expect(await agree(t.cast(output, "f32"), { half: true })).toContain("LSTM");
  });
});

describe("sums over windows", () => {
  const x = t.input("x", [2, 3, 6, 6]);
  const mean = (size: number, options: Parameters<typeof t.conv2d>[3]) => {
    const ones = t.constant(new Float32Array(3 * size * size).fill(1), [3, 1, size, size]);
    return t.mul(t.conv2d(x, ones, undefined, { groups: 3, ...options }), 1 / size ** 2);
  };

  test("are an average", async () => {
    expect(await agree(mean(2, { padding: 1 }))).toEqual(["AveragePool"]);
  });

  test.each([
    ["apart", 2, { dilation: 2 }],
    ["as wide as their padding", 2, { padding: 2 }],
    ["of one element", 1, { padding: [1, 0] }],
  ] as const)("%s are a convolution", async (_, size, options) => {
    const ops = await agree(mean(size, options));
    expect(ops).toContain("Conv");
    expect(ops).not.toContain("AveragePool");
  });
});

describe("convolutions along a line", () => {
  const line = t.reshape(t.input("x", [2, 3, 6]), [2, 3, 1, 6]);
  const kernel = t.reshape(weight([3, 3, 2]), [3, 3, 1, 2]);

  test.each([
    [
      "with rows around it",
      {
        padding: [
          [1, 0],
          [0, 0],
        ],
        stride: [2, 1],
      },
    ],
    [
      "that lies below others",
      {
        padding: [
          [0, 1],
          [0, 0],
        ],
        stride: [2, 1],
      },
    ],
  ] as const)("%s is an image", async (_, options) => {
    const y = t.conv2d(line, kernel, undefined, options);
    expect(await agree(t.reshape(y, [2, 3, 5]))).toContain("Reshape");
  });

  test("alone, with any step between rows", async () => {
    const y = t.conv2d(line, kernel, undefined, { stride: [2, 1], dilation: [3, 1] });
    expect(await agree(t.reshape(y, [2, 3, 5]))).toEqual(["Conv"]);
  });
});

describe("convolutions with a kernel of one element", () => {
  test.each([
    ["of images", nn.conv2d(4, 6, 1), [2, 4, 5, 3]],
    ["of images without bias", nn.conv2d(4, 6, 1, { bias: false }), [1, 4, 5, 3]],
    ["of every second position", nn.conv2d(4, 6, 1, { stride: [2, 3] }), [2, 4, 5, 7]],
    ["of lines", nn.conv1d(4, 6, 1), [2, 4, 5]],
    ["of every second position of lines", nn.conv1d(4, 6, 1, { stride: 2 }), [2, 4, 5]],
    ["of as many images as channels", nn.conv2d(3, 3, 1, { stride: 2 }), [3, 3, 3, 3]],
  ])("%s", async (_, layer, shape) => {
    expect(await agree((layer as nn.Module)(t.input("x", shape)))).toEqual(["Conv"]);
  });

  test("for batches of any size, in both precisions", async () => {
    const layer = nn.conv2d(4, 6, 1, { stride: 2 });
    expect(await agreeForBatches(({ x }) => ({ y: layer(x!) }), { x: [4, 3, 3] })).toEqual(["Conv"]);
    const mixed = nn.mixedPrecision(layer)(t.input("x", [2, 4, 3, 3]));
    expect(await agree(mixed, { half: true })).toContain("Conv");
  });

  test.each([
    ["a part of the image", [undefined, undefined, [1, undefined, 2], [0, undefined, 2]]],
    ["every second channel", [undefined, [0, undefined, 2], [0, undefined, 2], [0, undefined, 2]]],
  ] as const)("of %s keep the slice", async (_, ranges) => {
    const met = t.slice(t.input("x", [2, 4, 5, 5]), ranges as never);
    const y = t.conv2d(met, weight([3, met.shape[1]!, 1, 1]));
    expect(await agree(y)).toEqual(["Slice", "Conv"]);
  });

  test("products of other shapes stay products", async () => {
    const x = t.input("x", [2, 4, 6]);
    const y = t.reshape(t.matmul(weight([3, 4]), x), [2, 3, 2, 3]);
    expect(await agree(y)).toEqual(["MatMul", "Reshape"]);
    const other = t.reshape(t.matmul(t.reshape(weight([6, 4, 1, 1]), [6, 4]), x), [4, 3, 2, 3]);
    expect(await agree(other)).not.toContain("Conv");
  });
});

test("products broadcast by themselves", async () => {
  const [x, other] = [t.input("x", [2, 3, 4]), t.input("other", [4, 5])];
  expect(await agree(t.matmul(x, other))).toEqual(["MatMul"]);
  expect(await agree(t.matmul(t.expand(t.input("x", [3, 4]), [2, 3, 4]), other))).toEqual(["Expand", "MatMul"]);
  expect(await agree(t.matmul(t.expand(t.input("x", [1, 4]), [2, 3, 4]), other))).toEqual(["Expand", "MatMul"]);
});

test("statistics of a normalisation, which gradients read, are refused", async () => {
  const scale = t.variable(1, [3]);
  const loss = t.sum(t.mul(t.layerNorm(t.input("x", [2, 3]), 3, { weight: scale }), t.input("other", [2, 3])));
  const gradient = t.grad(loss, [scale])[0];
  await expect(agree(gradient as Tensor)).rejects.toThrow("of op layerNorm");
});

test("positions of extremes along an axis, among all elements and of a number", async () => {
  const x = t.input("x", [2, 3, 4]);
  const outputs = { a: t.argmax(x, 1), b: t.argmin(x), c: t.argmax(t.input("n", [])) };
  expect(await agree(outputs)).toContain("ArgMin");
});

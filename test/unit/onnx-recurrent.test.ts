import { describe, expect, test } from "vitest";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { nn } from "../../src/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { readModel } from "../../src/onnx/model.ts";
import { agree, firstValues } from "../onnxExport.ts";

const x = t.input("x", [5, 2, 3]);

const sines = (shape: readonly number[], seed: number): Tensor => {
  const length = shape.reduce((a, b) => a * b, 1);
  return t.variable(
    Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + seed)),
    shape,
  );
};
const weights = (seed: number) => ({ weightIh: sines([16, 3], seed), weightHh: sines([16, 4], seed + 1) });
const forward = (seed: number): Tensor => t.lstm(x, [weights(seed)]).output;

/** One direction in reverse, as the library builds it: the second half of both. */
const both = (first: Parameters<typeof t.lstm>[1][number], seed: number) =>
  t.lstm(x, [first, weights(seed)], { bidirectional: true }).output;

describe("the last step", () => {
  test.each([
    ["alone", [[4, 5]], true],
    ["with its elements in reverse", [[4, 5], undefined, [3, undefined, -1]], false],
    [
      "with its rows in reverse",
      [
        [4, 5],
        [1, undefined, -1],
      ],
      false,
    ],
  ] as const)("%s", async (_, ranges, isState) => {
    const ops = await agree(t.slice(forward(1), ranges as never));
    expect(ops).toEqual(isState ? ["LSTM"] : expect.arrayContaining(["LSTM", "Squeeze", "Slice"]));
  });
});

test("a forward direction beside two backward ones is in one pair", async () => {
  const { node } = both(weights(1), 5);
  const [first, second] = node.inputs as [Tensor, Tensor];
  const other = both(weights(1), 9).node.inputs[1]!;
  const outputs = { p: t.concat([first, second], 2), q: t.concat([first, other], 2), r: t.concat([first, second], 2) };
  const ops = await agree(outputs as Record<string, Tensor>);
  expect(ops.filter((op) => op === "LSTM")).toHaveLength(2);
});

test("a layer that is applied several times has its weights once", async () => {
  for (const make of [nn.lstm, nn.gru, nn.rnn]) {
    const layer = make(3, 3);
    const y = layer(layer(x).output).output;
    await agree(y);
    const { bytes } = await exportOnnx(firstValues, { y });
    expect(readModel(bytes).graph.initializers.filter(({ name }) => /\./.test(name))).toHaveLength(3);
  }
});

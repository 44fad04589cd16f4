import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { grad } from "../../src/compile/grad.ts";
import { AttributeError, DTypeError, FeedError } from "../../src/errors.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as losses from "../../src/losses/index.ts";
import { input } from "../../src/ops/sources/constants.ts";
import { evaluate } from "../../src/reference/index.ts";
import { software } from "../adapters.ts";

const x = input("x", [3, 2]);
const y = input("y", [3], "i32");
const logits = [0, Math.log(3), 0, 0, Math.log(4), 0];
const lossOf = (loss: Tensor, inputs: Record<string, number[]>): number[] => [...evaluate([loss], { inputs })[0]!.data];

describe("crossEntropy", () => {
  const each = [Math.log(4), Math.log(2), Math.log(1.25)];

  test("is −log of the label's probability", () => {
    const none = losses.crossEntropy(x, y, { reduction: "none" });
    lossOf(none, { x: logits, y: [0, 1, 0] }).forEach((value, i) => {
      expect(value).toBeCloseTo(each[i]!, 12);
    });
    const [mean] = lossOf(losses.crossEntropy(x, y), { x: logits, y: [0, 1, 0] });
    expect(mean).toBeCloseTo((each[0]! + each[1]! + each[2]!) / 3, 12);
  });

  test("refuses ignored labels unless declared, and then leaves them out of the mean", () => {
    expect(() => lossOf(losses.crossEntropy(x, y), { x: logits, y: [0, -100, 0] })).toThrow(FeedError);
    const [mean] = lossOf(losses.crossEntropy(x, y, { ignoreIndex: -100 }), { x: logits, y: [0, -100, 0] });
    expect(mean).toBeCloseTo((each[0]! + each[2]!) / 2, 12);
  });

  test("of labels is one fused kernel and a mean, forward, and one kernel backward", () => {
    const loss = losses.crossEntropy(x, y);
    const kernels = (outputs: Record<string, Tensor>) => compile({ outputs }, software).calls.map(({ label }) => label);
    expect(kernels({ loss })).toEqual(["crossEntropy[3x2][1]:f32", "sum[3][0]+mul:f32"]);
    expect(kernels({ dx: grad(loss, [x])[0]! })).toEqual(["crossEntropyGrad[3x2][1]:f32"]);
  });

  test("names what does not fit", () => {
    expect(() => losses.crossEntropy(x, input("y", [2], "i32"))).toThrow(
      "labels [2] do not fit logits [3, 2], expected [3]",
    );
    expect(() => losses.crossEntropy(input("s", [8, 4, 5, 7]), input("y", [8, 4, 5], "i32"))).toThrow(
      "expected [8, 5, 7]: classes are axis 1 of logits, so move them there, as permute(logits, [0, 3, 1, 2]) does",
    );
    expect(() => losses.crossEntropy(x, input("y", [3]))).toThrow("labels are f32, expected i32");
    expect(() => losses.crossEntropy(x, input("y", [3], "u32"))).toThrow(DTypeError);
    expect(() => losses.crossEntropy(x, y, { labelSmoothing: 1.5 })).toThrow("labelSmoothing is 1.5");
    expect(() => losses.crossEntropy(x, y, { weight: input("w", [3]) })).toThrow("expected [2]");
    expect(() => losses.crossEntropy(x, x, { ignoreIndex: 0 })).toThrow(AttributeError);
  });
});

describe("options", () => {
  const target = input("t", [3, 2]);

  test("the default reduction is the mean", () => {
    const feeds = { x: [1, 2, 3, 4, 5, 6], t: [0, 0, 0, 0, 0, 0] };
    expect(lossOf(losses.mse(x, target), feeds)).toEqual([91 / 6].map((value) => expect.closeTo(value, 12)));
    expect(lossOf(losses.mse(x, target, { reduction: "sum" }), feeds)).toEqual([91]);
    expect(lossOf(losses.mse(x, target, { reduction: "none" }), feeds)).toEqual([1, 4, 9, 16, 25, 36]);
    expect(() => losses.mse(x, target, { reduction: "average" as "mean" })).toThrow('mse: reduction is "average"');
  });

  test("input and target do not broadcast", () => {
    expect(() => losses.mse(input("a", [3, 1]), input("b", [3]))).toThrow(
      "mse: input [3, 1] and target [3] differ in shape",
    );
  });

  test("are refused if they are invalid", () => {
    expect(() => losses.huber(x, target, { delta: 0 })).toThrow("delta is 0");
    expect(() => losses.smoothL1(x, target, { beta: -1 })).toThrow("beta is -1");
    expect(() => losses.cosineEmbedding(x, target, input("s", [3]), { margin: Number.NaN })).toThrow("margin is NaN");
  });
});

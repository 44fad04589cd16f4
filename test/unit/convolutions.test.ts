import fc from "fast-check";
import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { grad } from "../../src/compile/grad.ts";
import { AttributeError } from "../../src/errors.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { conv2d, convTranspose2d } from "../../src/ops/network/conv.ts";
import { input } from "../../src/ops/sources/constants.ts";
import { gpu, software } from "../adapters.ts";
import { drawn } from "../cases/drawn.ts";
import { checkGradients, inputsOf, weigh, weighAll } from "../differences.ts";
import { fill, reals } from "../draws.ts";

/** Runs `check` on a hundred convolutions of any stride, padding, dilation and groups, with their inputs and feeds. */
const eachOf = (name: "conv2d" | "convTranspose2d", check: (y: Tensor, inputs: Tensor[], feeds: Feeds) => void) =>
  fc.assert(
    fc.property(drawn[name]!, ({ shapes, op }) => {
      const { inputs, feeds } = inputsOf(fill([reals(-2, 2)], shapes.map(sizeOf)), shapes);
      check(op(...inputs), inputs, feeds);
    }),
    { numRuns: 100, seed: 1 },
  );
type Feeds = ReturnType<typeof inputsOf>["feeds"];

for (const name of ["conv2d", "convTranspose2d"] as const) {
  test(`gradients of ${name} agree with central differences, for any parameters`, () => {
    eachOf(name, (y, inputs, feeds) => checkGradients(weigh(y), inputs, feeds, { most: 3 }));
  });

  test(`so do gradients of the gradients of ${name}`, () => {
    eachOf(name, (y, inputs, feeds) =>
      checkGradients(weighAll([y, ...grad(weigh(y), inputs)]), inputs, feeds, { most: 2 }),
    );
  });
}

test("a convolution before a transposed one gets gradients of its own result's shape", () => {
  const shapes = [
    [1, 1, 3, 3],
    [1, 1, 2, 2],
    [1, 1, 2, 2],
  ];
  const { inputs, feeds } = inputsOf(fill([reals(-2, 2)], shapes.map(sizeOf)), shapes);
  const [x, w, v] = inputs as [Tensor, Tensor, Tensor];
  for (const outputPadding of [0, 1, 2]) {
    const y = convTranspose2d(conv2d(x, w), v, undefined, { dilation: 3, outputPadding });
    expect(grad(weigh(y), inputs).map(({ shape }) => shape)).toEqual(shapes);
    checkGradients(weigh(y), inputs, feeds);
  }
});

test("a long kernel does not become a long text, which a driver would take long to compile", () => {
  for (const traits of [gpu, software, { ...software, features: new Set(["subgroups"]) }]) {
    const [x, w] = [input("x", [1, 1, 1, 2000]), input("w", [64, 1, 1, 1000])];
    const y = conv2d(x, w, undefined, { stride: 100 });
    const { calls } = compile({ outputs: { y, dx: grad(weigh(y), [x])[0]!, dw: grad(weigh(y), [w])[0]! } }, traits);
    expect(Math.max(...calls.map(({ wgsl }) => wgsl.length))).toBeLessThan(40_000);
  }
});

test("output padding is less than stride or dilation, as in PyTorch", () => {
  const [x, w] = [input("x", [1, 1, 2, 2]), input("w", [1, 1, 2, 2])];
  const turn = (options: Parameters<typeof convTranspose2d>[3]) => () => convTranspose2d(x, w, undefined, options);
  expect(turn({ outputPadding: 1 })).toThrow(AttributeError);
  expect(turn({ stride: 2, dilation: 3, outputPadding: 3 })).toThrow("outputPadding is 3,3");
  expect(turn({ stride: [1, 2], outputPadding: [0, 1] })().shape).toEqual([1, 1, 3, 5]);
  expect(turn({ dilation: 2, outputPadding: 1 })().shape).toEqual([1, 1, 5, 5]);
});

import { randomBits, randomText } from "../../../shaders/lib/random.wgsl.ts";
import { checkWhole, refuse } from "../../errors.ts";
import { axisOf, checkPositions, checkShape, rowMajor, type Shape } from "../../graph/shape.ts";
import { apply, type Op, type Tensor, type Update, type Variable } from "../../graph/tensor.ts";
import { expand, reshape, slice } from "../moves/views.ts";
import { add } from "../pointwise/arithmetic.ts";
import { indexedOp } from "../pointwise/pointwise.ts";
import { constant, variable } from "./constants.ts";

const iotaOp: Op = /* @__PURE__ */ indexedOp("iota", "i32", {
  wgsl: (_, { stride, size }, { index }) => `I((${index} / ${stride}u) % ${size}u)`,
  js: (_, { stride, size }, index) => Math.floor(index / stride) % size,
  flops: 2,
});

/** Each element's position along one axis, as i32. @throws ShapeError for an axis of more than 2³¹ elements. */
export function iota(shape: Shape, axis: number): Tensor<"i32"> {
  const at = axisOf("iota", axis, checkShape("iota", shape).length);
  checkPositions("iota", shape, [at]);
  return apply(iotaOp, [], { shape: [...shape], stride: rowMajor(shape)[at]!, size: shape[at]! });
}

const uniformOp: Op = /* @__PURE__ */ indexedOp("uniform", "f32", {
  wgsl: ([seed, step], { salt }, { index }) =>
    `F(randomBits(${seed}, ${step}, ${salt}u, ${index}) >> U(8u)) * F(5.9604644775390625e-8)`,
  js: ([seed, step], { salt }, index) => (randomBits(seed!, step!, salt)(index) >>> 8) * 2 ** -24,
  lib: randomText,
  flops: 30,
});

/**
 * A counter-based random number generator on the GPU: every number is a function of (seed, step, call site, element). A
 * backward pass recomputes a mask instead of storing it, and a seed gives the same numbers on every adapter. Programs
 * that use it advance its step at the end of each run.
 */
export class Random {
  /** `[seed, step]`, u32. */
  readonly key: Variable<"u32">;
  readonly #advance: Update;
  #draws = 0;

  /** @param seed an integer from 0 to 2³²−1. */
  constructor(seed: number, name = "random") {
    checkWhole("Random", "seed", seed, 0, 2 ** 32 - 1);
    if (typeof name !== "string") refuse("Random", "name", name, "a string");
    this.key = variable(new Uint32Array([seed, 0]), [2], { name, group: "random", restarts: true });
    this.#advance = [this.key, add(this.key, constant(new Uint32Array([0, 1]), [2]))];
  }

  /** Uniform numbers in [0, 1), multiples of 2⁻²⁴. They differ for every step and every call of `uniform`. */
  uniform(shape: Shape): Tensor<"f32"> {
    checkShape("Random.uniform", shape);
    const part = (i: number) => expand(reshape(slice(this.key, [[i, i + 1]]), []), shape);
    return apply(uniformOp, [part(0), part(1)], { salt: this.#draws++ }, [this.#advance]);
  }
}

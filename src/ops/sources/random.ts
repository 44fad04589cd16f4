import { turnText } from "../../../shaders/lib/math.wgsl.ts";
import {
  normalOf,
  normalText,
  randomBits,
  randomText,
  upperHalf,
  upperHalfText,
} from "../../../shaders/lib/random.wgsl.ts";
import { checkNumber, checkWhole, DTypeError, refuse, ShapeError } from "../../errors.ts";
import {
  axisOf,
  broadcastShapes,
  checkPositions,
  checkShape,
  type DType,
  rowMajor,
  type Shape,
  sameShape,
  showShape,
} from "../../graph/shape.ts";
import {
  type Attrs,
  apply,
  checkTensors,
  type Op,
  type Tensor,
  type Update,
  type Variable,
} from "../../graph/tensor.ts";
import { expand, reshape, slice } from "../moves/views.ts";
import { add, lt } from "../pointwise/arithmetic.ts";
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

/** Element i takes numbers 2i and 2i + 1 of its stream. */
const normalOp: Op = /* @__PURE__ */ indexedOp("normal", "f32", {
  wgsl([seed, step], { salt }, { index }) {
    const bits = (i: string) => `randomBits(${seed}, ${step}, ${salt}u, U(2u) * ${index} + U(${i}))`;
    return `normalOf(${bits("0u")}, ${bits("1u")})`;
  },
  js([seed, step], { salt }, index) {
    const bits = randomBits(seed!, step!, salt);
    return normalOf(bits(2 * index), bits(2 * index + 1));
  },
  lib: /* @__PURE__ */ randomText.concat(turnText, normalText),
  flops: 90,
});

const randintOp: Op = /* @__PURE__ */ indexedOp("randint", "i32", {
  wgsl([seed, step], { salt, low, span }, { index }) {
    const bits = `randomBits(${seed}, ${step}, ${salt}u, ${index})`;
    return `I(${span === 2 ** 32 ? bits : `upperHalf(${bits}, ${span}u)`}) + I(${low})`;
  },
  js: ([seed, step], { salt, low, span }, index) => upperHalf(randomBits(seed!, step!, salt)(index), span) + low,
  lib: /* @__PURE__ */ randomText.concat(upperHalfText),
  flops: 45,
});

/** Calls so far in the graph that `numbered` builds. */
let calls: Map<Random, number> | undefined;

/**
 * Builds a graph whose calls of `Random` are numbered from 0, whatever has been built before: the same code draws the
 * same numbers in every program and process. One program must not hold the results of two builds, nor calls of the same
 * `Random` from outside: equal calls with the same number draw the same numbers there. Between two programs of an engine
 * nothing is shared, since each run moves on to the next step.
 */
export function numbered<T>(build: () => T): T {
  const outer = calls;
  calls = new Map();
  try {
    return build();
  } finally {
    calls = outer;
  }
}

/**
 * A counter-based random number generator on the GPU: every number is a function of (seed, step, call site, element). A
 * backward pass recomputes a mask instead of storing it, and a seed gives the same numbers on every adapter. Programs
 * that use it advance its step at the end of each run.
 *
 * A `Trainer` numbers the calls in its model's `forward` by themselves, from the first. So do not draw outside of
 * `forward` and use the result within: the nth call outside and the nth one within draw the same numbers if they are of
 * the same `Random`. Draw within, or from another `Random`. Programs of your own may use the same one.
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

  /** Uniform numbers in [0, 1), multiples of 2⁻²⁴. They differ for every step and every call. */
  uniform(shape: Shape): Tensor<"f32"> {
    checkShape("Random.uniform", shape);
    return this.#draw(uniformOp, shape);
  }

  /**
   * Normal numbers with mean 0 and standard deviation 1, by the Box–Muller transform; the largest is 6.66. For others,
   * `add(mean, mul(std, random.normal(shape)))` costs no further kernel. Adapters agree to 1e-5, but for numbers
   * closer to 0 than 0.1, where WGSL's logarithm may be off: there to 1e-3.
   *
   * Source: G. Box, M. Muller, "A Note on the Generation of Random Normal Deviates", 1958.
   */
  normal(shape: Shape): Tensor<"f32"> {
    checkShape("Random.normal", shape);
    return this.#draw(normalOp, shape);
  }

  /**
   * 1 with probability p, else 0: i32, as comparisons give, so a mask for `where`. Probabilities are exact to 2⁻²⁴.
   * @param p from 0 to 1: a number, or a tensor that broadcasts to the shape.
   * @throws AttributeError for a number outside; DTypeError or ShapeError for a tensor of another dtype or a shape that
   * does not broadcast.
   */
  bernoulli(shape: Shape, p: number | Tensor<"f32">): Tensor<"i32"> {
    checkShape("Random.bernoulli", shape);
    if (typeof p === "number") {
      checkNumber("Random.bernoulli", "p", p, "a probability from 0 to 1", (n) => n >= 0 && n <= 1);
    } else {
      checkTensors("Random.bernoulli", p);
      if (p.dtype !== "f32") throw new DTypeError(`Random.bernoulli: p is ${p.dtype}, expected f32`);
      if (!sameShape(broadcastShapes("Random.bernoulli", p.shape, shape), shape)) {
        throw new ShapeError(
          `Random.bernoulli: p is ${showShape(p.shape)}, expected a shape that broadcasts to ${showShape(shape)}`,
        );
      }
    }
    return lt(this.#draw<"f32">(uniformOp, shape), p);
  }

  /**
   * Whole numbers from `low` to `high` − 1, as i32: PyTorch's `randint`. Some are likelier than others by a factor of
   * at most 1 + (high − low) / 2³².
   * @param low from −2³¹.
   * @param high more than `low`, at most 2³¹.
   */
  randint(shape: Shape, low: number, high: number): Tensor<"i32"> {
    checkShape("Random.randint", shape);
    checkWhole("Random.randint", "low", low, -(2 ** 31), 2 ** 31 - 1);
    checkWhole("Random.randint", "high", high, low + 1, 2 ** 31);
    return this.#draw(randintOp, shape, { low, span: high - low });
  }

  /** Every call has its own stream. */
  #draw<D extends DType>(op: Op, shape: Shape, attrs: Attrs = {}): Tensor<D> {
    const part = (i: number) => expand(reshape(slice(this.key, [[i, i + 1]]), []), shape);
    return apply(op, [part(0), part(1)], { ...attrs, salt: this.#number() }, [this.#advance]);
  }

  #number(): number {
    if (!calls) return this.#draws++;
    const n = calls.get(this) ?? 0;
    calls.set(this, n + 1);
    return n;
  }
}

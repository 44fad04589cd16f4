import { type Shape, sizeOf } from "../../src/graph/shape.ts";
import type { Tensor, TensorData, Update, Variable } from "../../src/graph/tensor.ts";
import * as t from "../../src/ops/index.ts";
import { fill, reals, whole } from "../draws.ts";

/** An f32 tensor of a random graph, and a bound on its elements' magnitude. */
export interface Member {
  readonly x: Tensor;
  readonly bound: number;
}

/** Magnitudes above this are scaled down, so that 40 nodes in a row do not overflow. */
const tame = 6;
/** Elements of the largest tensor: there are many graphs, so each must be small. */
const most = 600;

/** The tensors of a graph under construction, with its inputs and variables. */
export class Pool {
  readonly members: Member[] = [];
  /** Integer results and the like: no step reads them, but they may be outputs. */
  readonly extras: Tensor[] = [];
  readonly inputs: { readonly x: Tensor; feed(run: number): TensorData }[] = [];
  readonly variables: Variable[] = [];
  readonly updates: Update[] = [];
  /** The source of random numbers, once a step has used it. */
  random: t.Random | undefined;
  readonly #seed: number;
  #constants = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** One of the members; 0 is the latest. */
  at(i: number): Member {
    return this.members[this.members.length - 1 - (i % this.members.length)]!;
  }

  /** A member for which `fits` holds, searched from an index on. */
  find(from: number, fits: (x: Tensor) => boolean): Member | undefined {
    for (let i = 0; i < this.members.length; i++) {
      const member = this.at(from + i);
      if (fits(member.x)) return member;
    }
    return undefined;
  }

  /** Adds a result, scaled down if it may be large. Skips results too large for a small graph. */
  put(x: Tensor, bound: number): void {
    if (sizeOf(x.shape) > most) return;
    this.members.push(bound > tame ? { x: t.mul(x, 4 / bound), bound: 4 } : { x, bound });
  }

  input(shape: Shape): Tensor {
    const x = t.input(`x${this.inputs.length}`, shape);
    const at = this.inputs.length;
    this.inputs.push({ x, feed: (run) => this.#draw([reals(-2, 2)], shape, at, run) });
    this.members.push({ x, bound: 2 });
    return x;
  }

  /** Fed integers from 0 to `high`. */
  indices(shape: Shape, high: number): Tensor {
    const at = this.inputs.length;
    const x = t.input(`x${at}`, shape, "i32");
    this.inputs.push({ x, feed: (run) => this.#draw([whole(0, high)], shape, at, run) });
    return x;
  }

  variable(shape: Shape): Variable {
    const at = this.variables.length;
    const group = at % 2 ? "parameters" : "others";
    const x = t.variable(this.#draw([reals(-1.5, 1.5)], shape, 100 + at, 0), shape, { name: `v${at}`, group });
    this.variables.push(x);
    this.members.push({ x, bound: 2 });
    return x;
  }

  /** Random numbers, new in each run. */
  uniform(shape: Shape): Tensor {
    this.random ??= new t.Random(this.#seed);
    return this.random.uniform(shape);
  }

  constant(shape: Shape): Tensor {
    return t.constant(this.#draw([reals(-1, 1)], shape, 200 + this.#constants++, 0), shape);
  }

  #draw(draws: Parameters<typeof fill>[0], shape: Shape, at: number, run: number): TensorData {
    return fill(draws, [sizeOf(shape)], 1 + this.#seed * 1009 + at * 31 + run * 7)[0]!;
  }
}

/**
 * A tensor plus a different number in each element, so that another order of computation cannot cross a kink, and the
 * largest element is unique.
 */
export function spread(x: Tensor): Tensor {
  const places = Float32Array.from({ length: sizeOf(x.shape) }, (_, i) => ((i + 1) * 0.6180339887) % 1);
  return t.add(x, t.constant(places, x.shape));
}

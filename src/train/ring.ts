import { apply, type Tensor, type Update, type Variable } from "../graph/tensor.ts";
import { add, eq, where } from "../ops/pointwise/arithmetic.ts";
import { pointwiseOp } from "../ops/pointwise/pointwise.ts";
import { variable } from "../ops/sources/constants.ts";
import { iota } from "../ops/sources/random.ts";
import type { Engine } from "../runtime/engine.ts";

/** Steps whose numbers fit into a ring. */
export const ringSteps = 256;

/**
 * The last numbers of a program's runs, on the GPU: each run adds a column, and nothing is read back until someone asks.
 * Sums are made on the host, in float64, so they are as exact for a million steps as for one.
 */
export class Ring {
  readonly #engine: Engine;
  /** `[columns, ringSteps]` */
  readonly #numbers: Variable<"f32">;
  readonly #position: Variable<"i32">;
  readonly #rows: number;
  /** Runs so far, as the host counts them. */
  #runs = 0;

  constructor(engine: Engine, rows: number, name: string) {
    this.#engine = engine;
    this.#rows = rows;
    this.#numbers = variable(0, [rows, ringSteps], { name: `${name} numbers`, group: `${name} numbers` });
    this.#position = variable(0, [], { name: `${name} position`, group: `${name} position`, dtype: "i32" });
  }

  get variables(): readonly Variable[] {
    return [this.#numbers, this.#position];
  }

  /** Updates that move on and store numbers, f32 `[]`. */
  record(numbers: readonly Tensor[]): [position: Update, numbers: Update] {
    const { shape } = this.#numbers;
    const row = iota(shape, 0);
    const column = numbers.reduceRight<Tensor>((rest, number, i) => where(eq(row, i), number, rest), this.#numbers);
    // All read the next position and none the last one, so that it can change in place at any time.
    const next = where(eq(this.#position, ringSteps - 1), 0, add(this.#position, 1)) as Tensor<"i32">;
    return [
      [this.#position, next],
      [this.#numbers, where(eq(iota(shape, 1), next), column, this.#numbers)],
    ];
  }

  /** Call after each run. */
  ran(): void {
    this.#runs++;
  }

  /** The last run was refused, and stored nothing. */
  refused(): void {
    this.#runs--;
  }

  /** Starts over, for instance with a new training. */
  clear(): void {
    this.#runs = 0;
    this.#engine.write(this.#position, 0);
  }

  /**
   * The numbers of the last runs, in order. Later runs go on meanwhile.
   * @param count at most `ringSteps`.
   */
  async last(count: number): Promise<Float32Array[]> {
    if (count === 0) return [];
    const from = this.#runs - count;
    const numbers = await this.#engine.read(this.#numbers);
    return Array.from({ length: count }, (_, i) => {
      const at = (from + i + 1) % ringSteps;
      return Float32Array.from({ length: this.#rows }, (_, row) => numbers[row * ringSteps + at]!);
    });
  }
}

/** 1 where a number is finite, i32. Tests bits: WGSL may assume that there is no NaN. */
const isFiniteOp = /* @__PURE__ */ pointwiseOp("isFinite", {
  wgsl: (x) => `I((bitcast<U>(${x}) & U(0x7f800000u)) != U(0x7f800000u))`,
  js: (x) => Number(Number.isFinite(x)),
  result: "i32",
  takes: ["f32"],
});

/** 1 where a number is finite and the flag (i32) is not 0, else 0. */
export const stillFinite = (flag: Tensor, x: Tensor): Tensor<"i32"> =>
  where(apply<"i32">(isFiniteOp, [x]), flag, 0) as Tensor<"i32">;

import {
  type Engine,
  grad,
  input,
  losses,
  mul,
  type Program,
  reshape,
  sqrt,
  sum,
  type Tensor,
} from "../../../src/index.ts";
import type { Window } from "../corpus.ts";
import type { CharacterModel } from "../model.ts";
import { ignored } from "./ignored.ts";
import type { Batch, Material } from "./material.ts";

/** Texts whose gradients are averaged, at most. */
const mostTexts = 32;

/** Texts that reach back so far, at least. */
const leastTexts = 4;

/**
 * How far back a network learns: norms of the gradient of the loss at the last character, with respect to the vector of
 * each character before it.
 */
export class Memory {
  readonly #batch: Batch;
  readonly #window: Window;
  readonly #program: Program<{ readonly norms: Tensor }>;

  static async create(engine: Engine, model: CharacterModel, material: Material): Promise<Memory> {
    const { batch, window } = longest(material);
    const [x, y] = [input("x", [window.length, window.batch], "i32"), input("y", [window.length, window.batch], "i32")];
    const { logits, vectors } = model.read(x, []);
    const loss = losses.crossEntropy(logits, reshape(y, [-1]), { ignoreIndex: ignored, reduction: "sum" });
    const [gradient] = grad(loss, [vectors]);
    const norms = sqrt(sum(mul(gradient, gradient), 2));
    return new Memory(batch, window, await engine.compile({ outputs: { norms } }));
  }

  private constructor(batch: Batch, window: Window, program: Program<{ readonly norms: Tensor }>) {
    this.#batch = batch;
    this.#window = window;
    this.#program = program;
  }

  /** The mean norm by distance, from the last character that is read backwards. */
  async norms(): Promise<number[]> {
    const { norms } = await this.#program.compute(this.#batch);
    return byDistance(norms as Float32Array, this.#batch.y, this.#window);
  }

  destroy(): void {
    this.#program.destroy();
  }
}

/** Texts that are held out, the longest first, each with its last label only. */
function longest({ validation, validationWindow }: Material): { batch: Batch; window: Window } {
  const { length, batch: all } = validationWindow;
  const { x, y } = validation[0]!;
  const end = (n: number): number => {
    let t = length - 1;
    while (y[t * all + n] === ignored) t--;
    return t;
  };
  const rows = Array.from({ length: all }, (_, n) => ({ n, last: end(n) })).sort((a, b) => b.last - a.last);
  const chosen = rows.slice(0, mostTexts);
  const batch = { x: new Int32Array(length * chosen.length), y: new Int32Array(length * chosen.length).fill(ignored) };
  for (const [i, { n, last }] of chosen.entries()) {
    for (let t = 0; t < length; t++) batch.x[t * chosen.length + i] = x[t * all + n]!;
    batch.y[last * chosen.length + i] = y[last * all + n]!;
  }
  return { batch, window: { length, batch: chosen.length } };
}

/** Means over texts, by distance from the one label of each. @param norms `[length, batch]` */
export function byDistance(norms: Float32Array, y: Int32Array, { length, batch }: Window): number[] {
  const sums: number[] = [];
  const counts: number[] = [];
  for (let n = 0; n < batch; n++) {
    const last = Array.from({ length }, (_, t) => t).find((t) => y[t * batch + n] !== ignored)!;
    for (let t = last; t >= 0; t--) {
      sums[last - t] = (sums[last - t] ?? 0) + norms[t * batch + n]!;
      counts[last - t] = (counts[last - t] ?? 0) + 1;
    }
  }
  const enough = Math.min(leastTexts, batch);
  return sums.map((sum, d) => sum / counts[d]!).filter((_, d) => counts[d]! >= enough);
}

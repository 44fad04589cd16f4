import { randomStream } from "../../../src/data/random.ts";
import type { Variable } from "../../../src/index.ts";
import type { Material } from "./material.ts";
import type { Predictor } from "./predictor.ts";

/** Characters of a sample. */
const sampleLength = { lines: 90, stream: 160 } as const;

/** A piece of a sample. */
export interface Piece {
  readonly text: string;
  /** Whether the sample ends with it. */
  readonly ends: boolean;
}

/** A sample that is being written. */
interface Sample {
  last: number;
  left: number;
  readonly random: ReturnType<typeof randomStream>;
}

/** Writes texts, one character after the other. */
export class Writer {
  readonly #material: Material;
  readonly #predictor: Predictor;
  #sample: Sample | undefined;

  constructor(material: Material, predictor: Predictor) {
    this.#material = material;
    this.#predictor = predictor;
  }

  /** Starts a sample. Equal seeds and steps give equal samples. */
  begin(seed: number, step: number): void {
    const { lines, start } = this.#material;
    this.#sample = {
      last: start,
      left: sampleLength[lines ? "lines" : "stream"],
      random: randomStream(seed, 1000 + step),
    };
    this.#predictor.forget();
  }

  /** Frees what it reads with. @returns variables of its own. */
  destroy(): readonly Variable[] {
    return this.#predictor.destroy();
  }

  /** Goes on with the sample. @param temperature 0 picks the likeliest character, more is bolder. */
  async write(count: number, temperature: number): Promise<Piece> {
    const { tokenizer, start, lines } = this.#material;
    const sample = this.#sample!;
    let text = "";
    for (let i = 0; i < count && sample.left > 0; i++) {
      const logits = await this.#predictor.next(sample.last);
      sample.last = drawn(logits, temperature, sample.random.uniform());
      sample.left--;
      text += tokenizer.token(sample.last);
      if (!lines || sample.last !== start) continue;
      this.#predictor.forget();
      // Names are not cut off.
      if (sample.left < 12) sample.left = 0;
    }
    return { text, ends: sample.left === 0 };
  }
}

/** The likeliest character at temperature 0; otherwise the first at which the probabilities sum up to more than a chance. */
export function drawn(logits: Float32Array, temperature: number, chance: number): number {
  const most = logits.reduce((largest, logit) => Math.max(largest, logit), Number.NEGATIVE_INFINITY);
  if (temperature === 0) return logits.indexOf(most);
  const shares = logits.map((logit) => Math.exp((logit - most) / temperature));
  let left = chance * shares.reduce((sum, share) => sum + share, 0);
  const at = shares.findIndex((share) => {
    left -= share;
    return left < 0;
  });
  return at < 0 ? logits.indexOf(most) : at;
}

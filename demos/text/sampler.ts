import type { Tokenizer } from "../../src/data/text/index.ts";
import {
  add,
  argmax,
  cast,
  cumsum,
  type Engine,
  eq,
  iota,
  le,
  minimum,
  mul,
  type Program,
  Random,
  reshape,
  softmax,
  sum,
  type Update,
  type Variable,
  variable,
  where,
} from "../../src/index.ts";
import type { CharacterModel } from "./model.ts";

export interface SamplerOptions {
  /** Characters per sample. */
  readonly length: number;
  /** 0 always picks the likeliest character, 1 samples as predicted, more is bolder. */
  readonly temperature: number;
  readonly seed: number;
  readonly tokenizer: Tokenizer;
}

interface Parts {
  readonly engine: Engine;
  readonly states: readonly Variable[];
  readonly character: Variable;
  readonly position: Variable;
  readonly written: Variable;
  readonly options: SamplerOptions;
}

/**
 * Writes texts with a model, character by character. One program does one step; its variables are the states, the last
 * character and the text so far. So a step needs nothing from the host, and a sample is read back once.
 */
export class Sampler {
  /** State to save, so that samples are repeatable: the random key. */
  readonly state: ReadonlyMap<string, Variable>;
  readonly program: Program;
  readonly #parts: Parts;

  static async create(engine: Engine, model: CharacterModel, options: SamplerOptions): Promise<Sampler> {
    const { length, temperature, seed, tokenizer } = options;
    const states = model.states(1, "sample");
    const integer = (name: string, size: number): Variable =>
      variable(new Int32Array(size), [size], { name, group: name });
    const [character, position, written] = [
      integer("character", 1),
      integer("position", 1),
      integer("written", length),
    ];
    const random = new Random(seed, "sampling");

    const { logits, states: after } = model.read(reshape(character, [1, 1]), states);
    let next = argmax(logits, 1);
    if (temperature > 0) {
      // The first character at which the cumulative probability exceeds a random number.
      const below = le(cumsum(softmax(mul(logits, 1 / temperature)), 1), random.uniform([1, 1]));
      next = minimum(sum(cast(below, "i32"), 1), tokenizer.size - 1);
    }
    const here = eq(iota([length], 0), position);
    const updates: Update[] = [
      ...states.map((state, i): Update => [state, after[i]!]),
      [character, next],
      [written, where(here, next, written)],
      [position, add(position, 1)],
    ];
    const program = await engine.compile({ updates });
    return new Sampler(program, random, { engine, states, character, position, written, options });
  }

  private constructor(program: Program, { key }: Random, parts: Parts) {
    this.program = program;
    this.#parts = parts;
    this.state = new Map([["key", key]]);
  }

  /** The model's text after a prompt of at least one character. */
  async sample(prompt: string): Promise<string> {
    const { program } = this;
    const { engine, states, character, position, written, options } = this.#parts;
    for (const state of states) engine.write(state, 0);
    const codes = options.tokenizer.encode(prompt);
    for (const [i, code] of codes.entries()) {
      engine.write(character, new Int32Array([code]));
      // Characters written before the end of the prompt are overwritten later.
      if (i < codes.length - 1) await program.run();
    }
    engine.write(position, new Int32Array(1));
    for (let i = 0; i < options.length; i++) await program.run();
    return options.tokenizer.decode(await engine.read(written));
  }
}

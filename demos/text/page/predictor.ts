import { type Engine, input, type Program, type Tensor, type Update, type Variable } from "../../../src/index.ts";
import type { CharacterModel } from "../model.ts";

/** Predicts the next character of a text that it is given one character at a time. */
export interface Predictor {
  /** What it has read so far no longer counts. */
  forget(): void;
  /** Reads a character. @returns logits of the next one. */
  next(character: number): Promise<Float32Array>;
  /** Frees its program. @returns variables of its own. */
  destroy(): readonly Variable[];
}

type Logits = Program<{ readonly logits: Tensor }>;

/** With a model that remembers by its states, read one character at a time. */
export async function statePredictor(engine: Engine, model: CharacterModel): Promise<Predictor> {
  const states = model.states(1, "sample");
  const { logits, states: after } = model.read(input("x", [1, 1], "i32"), states);
  const updates = states.map((state, i): Update => [state, after[i]!]);
  const program: Logits = await engine.compile({ outputs: { logits }, updates });
  return {
    forget() {
      for (const state of states) engine.write(state, 0);
    },
    next: async (character) => (await program.compute({ x: Int32Array.of(character) })).logits as Float32Array,
    destroy() {
      program.destroy();
      return states;
    },
  };
}

/** With a model that has no states: it reads the last characters anew for each. */
export async function windowPredictor(engine: Engine, model: CharacterModel, length: number): Promise<Predictor> {
  const program: Logits = await engine.compile({
    outputs: { logits: model.read(input("x", [length, 1], "i32"), []).logits },
  });
  let read: number[] = [];
  return {
    forget() {
      read = [];
    },
    async next(character) {
      read = [...read, character].slice(-length);
      const x = new Int32Array(length);
      x.set(read);
      const logits = (await program.compute({ x })).logits as Float32Array;
      const width = logits.length / length;
      return logits.subarray((read.length - 1) * width, read.length * width);
    },
    destroy() {
      program.destroy();
      return [];
    },
  };
}

import {
  add,
  type Engine,
  input,
  losses,
  optim,
  type Program,
  reshape,
  type Tensor,
  type Update,
  type Variable,
  variable,
} from "../../src/index.ts";
import type { Window } from "./corpus.ts";
import type { CharacterModel } from "./model.ts";

/** A program that reads texts batch by batch, and the state it carries on. */
export interface Reader {
  readonly program: Program<{ readonly loss: Tensor }>;
  readonly states: readonly Variable[];
  /** Sum of the batches' losses since it was last reset, so that no step needs a readback. */
  readonly tally: Variable;
}

export interface ReaderOptions extends Window {
  /** Largest norm of all gradients together. */
  readonly clip: number;
  /** Whether a batch continues the texts of the one before it. */
  readonly carries: boolean;
  /** A label that means "no target"; default none. */
  readonly ignoreIndex?: number;
}

/** Compiles a program that reads a batch, inputs `x` and `y` [length, batch], and with an optimizer trains on it. */
export async function compileReader(
  engine: Engine,
  model: CharacterModel,
  { batch, length, clip, carries, ignoreIndex }: ReaderOptions,
  optimizer?: optim.Optimizer,
): Promise<Reader> {
  const name = optimizer ? "training" : "validation";
  const states = carries ? model.states(batch, name) : [];
  const tally = variable(new Float32Array(1), [], { name: "tally", group: `${name} tally` });
  const [x, y] = [input("x", [length, batch], "i32"), input("y", [length, batch], "i32")];
  const { logits, states: after } = model.read(x, states, { training: optimizer !== undefined });
  const loss = losses.crossEntropy(logits, reshape(y, [-1]), ignoreIndex === undefined ? {} : { ignoreIndex });
  const updates: Update[] = [
    ...states.map((state, i): Update => [state, after[i]!]),
    [tally, add(tally, loss)],
    ...(optimizer?.minimize(loss, { clip: optim.clipGradNorm(clip) }) ?? []),
  ];
  return { program: await engine.compile({ outputs: { loss }, updates }), states, tally };
}

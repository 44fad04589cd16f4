import {
  add,
  concat,
  type Engine,
  full,
  input,
  linear,
  mul,
  type Program,
  permute,
  reshape,
  sigmoid,
  slice,
  softmax,
  type Tensor,
  tanh,
} from "../../../src/index.ts";
import type { Window } from "../corpus.ts";
import type { CharacterModel, ReadResult } from "../model.ts";
import { arrange } from "./arrange.ts";
import type { Material } from "./material.ts";
import type { Network } from "./networks.ts";
import { longestRead, type Model, type Settings } from "./settings.ts";

/** What a network shows of itself while it reads a text. */
export interface Look {
  /** For each place before, between and after the characters: its row in what follows; −1 where the network does not read. */
  readonly places: Int32Array<ArrayBuffer>;
  /** What the network tells apart: characters that may come next, or tags. */
  readonly tokens: readonly string[];
  /** How likely each of them is, row by row. */
  readonly probabilities: Float32Array;
  /** Values of each unit, row by row; or the attention of each head, `[heads, batch, length, length]`. */
  readonly values: Float32Array;
  /** Characters of a text, and texts side by side: a row is `character * batch + text`. */
  readonly window: Window;
}

/** The blocks of the gates, in PyTorch's order. */
const gates: Readonly<Record<Model, readonly string[]>> = {
  lstm: ["input", "forget", "candidate", "output"],
  gru: ["reset", "update", "candidate"],
  rnn: [],
  transformer: [],
};

type Outputs = { readonly probabilities: Tensor; readonly hidden: Tensor; readonly more: Tensor };

/** Reads texts with a network and tells what goes on in it. */
export class Insight {
  readonly #material: Material;
  readonly #window: Window;
  readonly #kind: Model;
  readonly #program: Program<Outputs>;

  static async create(engine: Engine, network: Network, settings: Settings, material: Material): Promise<Insight> {
    const { model, transformer } = network;
    const kind = settings.model;
    const hasGates = kind !== "rnn" && settings.layers === 1 && material.labels === undefined;
    const window = windowFor(material, transformer !== undefined);
    const x = input("x", [window.length, window.batch], "i32");
    const read = model.read(x, []);
    const units = read.output.shape[2]!;
    const outputs = {
      probabilities: softmax(read.logits),
      hidden: reshape(read.output, [-1, units]),
      more: transformer ? headsOf(transformer.attention(x)) : !hasGates ? full([1], 0) : gatesOf(model, kind, read),
    };
    return new Insight(material, window, kind, await engine.compile({ outputs }));
  }

  private constructor(material: Material, window: Window, kind: Model, program: Program<Outputs>) {
    this.#material = material;
    this.#window = window;
    this.#kind = kind;
    this.#program = program;
  }

  /** @param show one of the network's `shows`. */
  async look(text: string, show: string): Promise<Look> {
    const { x, places } = arrange(text, this.#material, this.#window);
    const found = await this.#program.compute({ x });
    const [probabilities, hidden, all] = [found.probabilities, found.hidden, found.more] as Float32Array[];
    const tokens = this.#material.labels ?? this.#material.tokenizer.state.tokens;
    const blocks = gates[this.#kind];
    const units = hidden!.length / x.length;
    const gate = (name: string): Float32Array => block(all!, units, blocks.indexOf(name), blocks.length);
    let values = hidden!;
    if (show === "attention") values = all!;
    // From −1, surely the first tag, to 1, surely the second.
    else if (show === "answer")
      values = Float32Array.from({ length: x.length }, (_, row) => 2 * probabilities![2 * row + 1]! - 1);
    else if (show === "cell")
      values = cells(gate("forget"), gate("input"), gate("candidate"), this.#window.batch * units);
    else if (blocks.includes(show)) values = gate(show);
    return { places, tokens, probabilities: probabilities!, values, window: this.#window };
  }

  destroy(): void {
    this.#program.destroy();
  }
}

/** How texts to look into are laid out. A transformer reads them in pieces as long as those that it learns from. */
function windowFor({ lines, window: { length } }: Material, inPieces: boolean): Window {
  if (lines) return { length, batch: 12 };
  return inPieces ? { length, batch: Math.ceil((longestRead + 1) / length) } : { length: longestRead + 1, batch: 1 };
}

/** The attention of all blocks, `[blocks · heads, N, T, T]`. */
const headsOf = (all: readonly Tensor[]): Tensor =>
  concat(
    all.map((weights) => permute(weights, [1, 0, 2, 3])),
    0,
  );

/** The gates of all steps, `[T·N, G·H]`, from the states that the steps start from. */
function gatesOf({ weights }: CharacterModel, kind: Model, { vectors, output }: ReadResult): Tensor {
  const [length, batch, hidden] = output.shape as [number, number, number];
  const weight = (name: string): Tensor => weights.get(`${kind}.${name}_l0`)!;
  const before = concat([full([1, batch, hidden], 0), slice(output, [[0, length - 1]])], 0);
  const fromInput = linear(vectors, weight("weight_ih"), weight("bias_ih"));
  const fromState = linear(before, weight("weight_hh"), weight("bias_hh"));
  const part = (x: Tensor, gate: number): Tensor =>
    slice(x, [undefined, undefined, [gate * hidden, (gate + 1) * hidden]]);
  const both = (gate: number): Tensor => add(part(fromInput, gate), part(fromState, gate));
  const open = (gate: number): Tensor => sigmoid(both(gate) as Tensor<"f32">);
  const reset = open(0);
  const all =
    kind === "lstm"
      ? [reset, open(1), tanh(both(2) as Tensor<"f32">), open(3)]
      : [reset, open(1), tanh(add(part(fromInput, 2), mul(reset, part(fromState, 2))) as Tensor<"f32">)];
  return reshape(concat(all, 2), [length * batch, -1]);
}

/** One block of the columns of a matrix with `count` blocks. */
const block = (matrix: Float32Array, width: number, at: number, count: number): Float32Array =>
  Float32Array.from({ length: matrix.length / count }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return matrix[(row * count + at) * width + column]!;
  });

/** The cell states c = f · c + i · g of all steps, and their tanh: what the output gate lets through. */
function cells(forget: Float32Array, added: Float32Array, candidate: Float32Array, perStep: number): Float32Array {
  const states = new Float32Array(forget.length);
  for (let i = 0; i < states.length; i++)
    states[i] = forget[i]! * (states[i - perStep] ?? 0) + added[i]! * candidate[i]!;
  return states.map(Math.tanh);
}

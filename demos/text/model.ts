import {
  type Float,
  nn,
  type RecurrentResult,
  reshape,
  type Tensor,
  type Variable,
  variable,
} from "../../src/index.ts";

type Recurrent = nn.Recurrent<RecurrentResult & { readonly cN?: Tensor }, nn.LstmStates>;
type MakeRecurrent = (inputs: number, hidden: number, options: nn.RecurrentLayerOptions) => Recurrent;

const kinds: Readonly<Record<string, { make: MakeRecurrent; states: readonly string[] }>> = {
  lstm: { make: nn.lstm, states: ["h", "c"] },
  gru: { make: nn.gru, states: ["h"] },
  rnn: { make: nn.rnn, states: ["h"] },
};

export const cells: readonly string[] = Object.keys(kinds);

export interface Architecture {
  /** One of `cells`. */
  readonly cell: string;
  /** Size of a character's embedding vector. */
  readonly embedding: number;
  /** Units of each recurrent layer. */
  readonly hidden: number;
  readonly layers: number;
  /** Probability of dropping each layer's outputs in training. */
  readonly dropout: number;
  /** Whether it also reads backwards; default false. */
  readonly bidirectional?: boolean;
}

/** What a model makes of T characters of N texts. */
export interface ReadResult {
  /** `[T·N, V]` */
  readonly logits: Tensor<Float>;
  /** States after the last character. */
  readonly states: readonly Tensor[];
  /** The characters' embedding vectors, `[T, N, embedding]`. */
  readonly vectors: Tensor<Float>;
  /** What the decoder reads, `[T, N, units]`. */
  readonly output: Tensor<Float>;
}

/** A network that reads characters and predicts the next one after each. */
export interface CharacterModel {
  /** Under PyTorch's names: `embedding.weight`, `lstm.weight_ih_l0`, …, `decoder.bias`. */
  readonly weights: ReadonlyMap<string, Variable>;
  /** States for texts read side by side, zeros at first. */
  states(texts: number, name: string): readonly Variable[];
  /** @param x `[T, N]`, characters. @param states before the first character. */
  read(x: Tensor, states: readonly Tensor[], mode?: nn.Mode): ReadResult;
}

/**
 * Creates a model. Initial weights are distributed as in PyTorch and drawn from the seed given to `nn.seed`.
 * @param outputs the decoder's; default one for each character.
 */
export function characterModel(
  vocabulary: number,
  architecture: Architecture,
  outputs: number = vocabulary,
): CharacterModel {
  const { cell, embedding, hidden, layers, dropout, bidirectional = false } = architecture;
  const width = bidirectional ? 2 * hidden : hidden;
  const { make, states } = kinds[cell]!;
  const table = nn.embedding(vocabulary, embedding);
  const recurrent = make(embedding, hidden, { layers, dropout, bidirectional });
  const drop = nn.dropout(dropout);
  const decoder = nn.linear(width, outputs);
  const weights = new Map<string, Variable>();
  for (const [name, { variables }] of Object.entries({ embedding: table, [cell]: recurrent, decoder })) {
    for (const [own, weight] of variables) weights.set(`${name}.${own}`, weight);
  }
  return {
    weights,
    states: (texts, name) =>
      states.map((state) => {
        const shape = [bidirectional ? 2 * layers : layers, texts, hidden];
        const zeros = new Float32Array(shape[0]! * texts * hidden);
        return variable(zeros, shape, { name: `${name}.${state}`, group: `${name} ${state}` });
      }),
    read(x, [h0, c0], mode = {}) {
      const start = { ...(h0 && { h0 }), ...(c0 && { c0 }) };
      const vectors = table(x);
      const { output, hN, cN } = recurrent(vectors, { ...mode, ...start });
      const logits = decoder(reshape(drop(output, mode), [-1, width]));
      return { logits, states: cN ? [hN, cN] : [hN], vectors, output };
    },
  };
}

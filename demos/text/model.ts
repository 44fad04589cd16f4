import { nn, type RecurrentResult, reshape, type Tensor, type Variable, variable } from "../../src/index.ts";

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
}

/** A network that reads characters and predicts the next one after each. */
export interface CharacterModel {
  /** Under PyTorch's names: `embedding.weight`, `lstm.weight_ih_l0`, …, `decoder.bias`. */
  readonly weights: ReadonlyMap<string, Variable>;
  /** States for texts read side by side, zeros at first. */
  states(texts: number, name: string): readonly Variable[];
  /**
   * @param x `[T, N]`, characters. @param states before the first character.
   * @returns logits `[T·N, V]`, and the states after the last character.
   */
  read(x: Tensor, states: readonly Tensor[], mode?: nn.Mode): { logits: Tensor; states: readonly Tensor[] };
}

/** Creates a model. Initial weights are distributed as in PyTorch and drawn from the seed given to `nn.seed`. */
export function characterModel(vocabulary: number, architecture: Architecture): CharacterModel {
  const { cell, embedding, hidden, layers, dropout } = architecture;
  const { make, states } = kinds[cell]!;
  const table = nn.embedding(vocabulary, embedding);
  const recurrent = make(embedding, hidden, { layers, dropout });
  const drop = nn.dropout(dropout);
  const decoder = nn.linear(hidden, vocabulary);
  const weights = new Map<string, Variable>();
  for (const [name, { variables }] of Object.entries({ embedding: table, [cell]: recurrent, decoder })) {
    for (const [own, weight] of variables) weights.set(`${name}.${own}`, weight);
  }
  return {
    weights,
    states: (texts, name) =>
      states.map((state) => {
        const shape = [layers, texts, hidden];
        const zeros = new Float32Array(layers * texts * hidden);
        return variable(zeros, shape, { name: `${name}.${state}`, group: `${name} ${state}` });
      }),
    read(x, [h0, c0], mode = {}) {
      const start = { ...(h0 && { h0 }), ...(c0 && { c0 }) };
      const { output, hN, cN } = recurrent(table(x), { ...mode, ...start });
      return { logits: decoder(reshape(drop(output, mode), [-1, hidden])), states: cN ? [hN, cN] : [hN] };
    },
  };
}

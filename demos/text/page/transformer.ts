import {
  add,
  iota,
  layerNorm,
  le,
  linear,
  matmul,
  mul,
  nn,
  permute,
  reshape,
  slice,
  softmax,
  type Tensor,
  transpose,
  type Variable,
  where,
} from "../../../src/index.ts";
import type { CharacterModel, ReadResult } from "../model.ts";

export interface TransformerSizes {
  /** Of each character's vector. */
  readonly size: number;
  readonly heads: number;
  readonly blocks: number;
  /** Characters that it reads at most. */
  readonly length: number;
  readonly outputs: number;
  /** Whether a character attends only to those up to it. */
  readonly causal: boolean;
}

/** A model that attends to all earlier characters of its text at once. */
export interface Transformer extends CharacterModel {
  /** The attention of each block, `[N, heads, T, T]`: of the character at the third index to that at the fourth. */
  attention(x: Tensor): readonly Tensor[];
}

/**
 * A small transformer: embeddings of characters and places, blocks that normalise first, a normalisation, a decoder.
 * Initial weights are drawn from the seed given to `nn.seed`.
 */
export function transformer(vocabulary: number, sizes: TransformerSizes): Transformer {
  const { size, heads, blocks, length, outputs, causal } = sizes;
  const parts = {
    embedding: nn.embedding(vocabulary, size, { weightInit: nn.init.normal(0.3) }),
    positions: nn.embedding(length, size, { weightInit: nn.init.normal(0.3) }),
    norm: nn.layerNorm(size),
    decoder: nn.linear(size, outputs),
  };
  const options = { feedforward: 2 * size, dropout: 0, normFirst: true };
  const all = Array.from({ length: blocks }, () => nn.transformerEncoderLayer(size, heads, options));
  const weights = new Map<string, Variable>();
  for (const [name, { variables }] of [...Object.entries(parts), ...all.map((block, i) => [`${i}`, block] as const)])
    for (const [own, weight] of variables) weights.set(`${name}.${own}`, weight);

  /** What each block reads, and the last one gives, `[N, T, size]`. */
  const between = (vectors: Tensor): Tensor[] => {
    const places = parts.positions(iota([vectors.shape[0]!], 0));
    const states: Tensor[] = [add(permute(vectors, [1, 0, 2]), places)];
    for (const block of all) states.push(block(states.at(-1)!, {}, { causal }));
    return states;
  };
  return {
    weights,
    states: () => [],
    read(x): ReadResult {
      const vectors = parts.embedding(x);
      const output = permute(parts.norm(between(vectors).at(-1)!), [1, 0, 2]);
      return { logits: parts.decoder(reshape(output, [-1, size])), states: [], vectors, output };
    },
    attention: (x) => {
      const states = between(parts.embedding(x));
      return all.map(({ variables }, i) => attentionOf(states[i]!, variables, sizes));
    },
  };
}

/** The attention of one block, computed again from its weights: the layer gives only its result. */
function attentionOf(x: Tensor, weights: ReadonlyMap<string, Variable>, { heads, causal }: TransformerSizes): Tensor {
  const [batch, length, size] = x.shape as [number, number, number];
  const weight = (name: string): Variable => weights.get(name)!;
  const normal = layerNorm(x, size, { weight: weight("norm1.weight"), bias: weight("norm1.bias") });
  const projected = (first: number): Tensor => {
    const rows = [first * size, (first + 1) * size] as const;
    const y = linear(
      normal,
      slice(weight("self_attn.in_proj_weight"), [rows]),
      slice(weight("self_attn.in_proj_bias"), [rows]),
    );
    return permute(reshape(y, [batch, length, heads, size / heads]), [0, 2, 1, 3]);
  };
  const scores = mul(matmul(projected(0), transpose(projected(1))), 1 / Math.sqrt(size / heads));
  const past = le(iota([length, length], 1), iota([length, length], 0));
  return softmax(causal ? where(past, scores, -1e30) : scores);
}

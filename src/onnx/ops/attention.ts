import { FormatError } from "../../errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  add,
  cast,
  concat,
  constant,
  expand,
  gather,
  ge,
  iota,
  lt,
  matmul,
  mul,
  pad,
  permute,
  reshape,
  slice,
  softmax,
  stack,
  sub,
  tanh,
  transpose,
  unsqueeze,
  where,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";

/** `[N, T, heads · E]` as `[N, heads, T, E]`. */
function heads(x: Tensor, count: number): Tensor {
  if (x.shape.length === 4) return x;
  const [n, t, wide] = x.shape as [number, number, number];
  if (count < 1 || wide % count !== 0) throw new FormatError(`${wide} features do not divide into ${count} heads`);
  return permute(reshape(x, [n, t, count, wide / count]), [0, 2, 1, 3]);
}

/** −∞ where `seen` is 0: an array, since no number in a graph is infinite. */
const hidden = (seen: Tensor): Tensor => where(seen, 0, constant(Float32Array.of(Number.NEGATIVE_INFINITY), []));

/** What is added to the scores, if anything is. */
function bias(node: OpNode, [queries, keys]: readonly [number, number], past: number): Tensor | undefined {
  const parts: Tensor[] = [];
  if (node.int("is_causal", 0)) parts.push(hidden(ge(add(iota([queries, keys], 0), past), iota([queries, keys], 1))));
  const mask = node.inputs[3];
  if (mask) {
    const own = mask.type === "bool" ? hidden(mask.tensor) : mask.tensor;
    // A mask may end before the keys do: the others are hidden.
    const missing = keys - own.shape.at(-1)!;
    const high = own.shape.map((_, axis) => (axis === own.shape.length - 1 ? missing : 0));
    const shown = constant(
      Int32Array.from({ length: keys }, (_, i) => Number(i < keys - missing)),
      [keys],
    );
    parts.push(missing > 0 ? add(pad(own, { low: high.map(() => 0), high }), hidden(shown)) : own);
  }
  const lengths = node.optional(6);
  if (lengths) parts.push(hidden(lt(iota([keys], 0), reshape(cast(lengths, "i32"), [lengths.size, 1, 1, 1]))));
  return parts.length > 0 ? parts.reduce((a, b) => add(a, b)) : undefined;
}

/** Keys and values for several queries each: [N, heads, T, E] with every head repeated. */
function repeated(x: Tensor, count: number): Tensor {
  const [n, own, t, e] = x.shape as [number, number, number, number];
  if (own === count) return x;
  return reshape(expand(unsqueeze(x, 2), [n, own, count / own, t, e]), [n, count, t, e]);
}

function attention(node: OpNode): Built {
  const isFlat = node.tensor(0).shape.length === 3;
  const query = heads(node.tensor(0), node.int("q_num_heads", 0));
  const ownKey = heads(node.tensor(1), node.int("kv_num_heads", 0));
  const ownValue = heads(node.tensor(2), node.int("kv_num_heads", 0));
  const [pastKey, pastValue] = [node.optional(4), node.optional(5)];
  const key = pastKey ? concat([pastKey, ownKey], 2) : ownKey;
  const value = pastValue ? concat([pastValue, ownValue], 2) : ownValue;
  const count = query.shape[1]!;
  const scale = node.float("scale", 1 / Math.sqrt(query.shape[3]!));
  const corner = [query.shape[2]!, key.shape[2]!] as const;
  const raw = mul(matmul(query, transpose(repeated(key, count))), scale);
  const added = bias(node, corner, pastKey?.shape[2] ?? 0);
  const cap = node.float("softcap", 0);
  const capped = cap > 0 ? mul(tanh(mul(raw, 1 / cap)), cap) : raw;
  const scores = added ? add(capped, added) : capped;
  const shares = softmax(scores);
  const y = matmul(shares, repeated(value, count));
  const [n, , t, e] = y.shape as [number, number, number, number];
  const shown = [raw, capped, scores, shares][node.int("qk_matmul_output_mode", 0)];
  return [isFlat ? reshape(permute(y, [0, 2, 1, 3]), [n, t, count * e]) : y, key, value, shown];
}

/** Rotates pairs of features by an angle that grows with the position (J. Su et al., 2021). */
function rotary(node: OpNode): Built {
  const given = node.tensor(0);
  const isFlat = given.shape.length === 3;
  // [N, T, heads, E]
  const x = isFlat
    ? reshape(given, [...given.shape.slice(0, 2), node.int("num_heads", 1), -1])
    : permute(given, [0, 2, 1, 3]);
  const size = x.shape[3]!;
  const turned = node.int("rotary_embedding_dim", 0) || size;
  const part = (t: Tensor, range: readonly [number, number, number?]): Tensor => slice(t, [[], [], [], range]);
  const ids = node.optional(3);
  const table = (i: number): Tensor => {
    const all = node.tensor(i);
    const half = all.shape.at(-1)!;
    const [n, t] = x.shape as [number, number];
    const rows = ids
      ? reshape(gather(all, 0, expand(reshape(cast(ids, "i32"), [n * t, 1]), [n * t, half])), [n, t, half])
      : all;
    return unsqueeze(rows, 2);
  };
  const [cos, sin] = [table(1), table(2)];
  const isInterleaved = node.int("interleaved", 0) !== 0;
  const [a, b] = isInterleaved
    ? [part(x, [0, turned, 2]), part(x, [1, turned, 2])]
    : [part(x, [0, turned / 2]), part(x, [turned / 2, turned])];
  const [real, imaginary] = [sub(mul(cos, a), mul(sin, b)), add(mul(sin, a), mul(cos, b))];
  const pairs = isInterleaved
    ? reshape(stack([real, imaginary], 4), [...x.shape.slice(0, 3), turned])
    : concat([real, imaginary], 3);
  const y = turned < size ? concat([pairs, part(x, [turned, size])], 3) : pairs;
  return isFlat ? reshape(y, given.shape) : permute(y, [0, 2, 1, 3]);
}

export const attentions: readonly OpRow[] = [
  { op: "Attention", since: [23, 24], build: attention },
  { op: "RotaryEmbedding", since: [23], build: rotary },
];

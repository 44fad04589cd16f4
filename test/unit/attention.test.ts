import { describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { input, nn, type Tensor } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";

/** Numbers without a pattern, from −1 to 1. */
const noise = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) * seed));

const [n, heads, length, keys] = [2, 2, 4, 5];
const query = input("query", [n, heads, length, 3]);
const key = input("key", [n, heads, keys, 3]);
const value = input("value", [n, heads, keys, 2]);
/** Key 3 is hidden from all, and query 2 sees none. */
const mask = Int32Array.from({ length: length * keys }, (_, i) => Number(i % keys !== 3 && Math.floor(i / keys) !== 2));
const feeds = {
  query: noise(query.size, 1),
  key: noise(key.size, 2),
  value: noise(value.size, 3),
  mask,
};

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, each, i) => Math.max(most, Math.abs(each - b[i]!)), 0);

describe("attention weights", () => {
  test.each([
    ["alone", {}],
    ["causal", { causal: true }],
    ["masked", { mask: input("mask", [length, keys], "i32") }],
    ["masked and causal, with a scale", { mask: input("mask", [length, keys], "i32"), causal: true, scale: 0.3 }],
  ])("are the factors of the values, %s", (_, options) => {
    const weights = t.attentionWeights(query, key, options);
    const given = "mask" in options ? feeds : { query: feeds.query, key: feeds.key, value: feeds.value };
    const found = evaluate(
      { weights, sums: t.matmul(weights, value), whole: t.scaledDotProductAttention(query, key, value, options) },
      { inputs: given },
    );
    expect(weights.shape).toEqual([n, heads, length, keys]);
    expect(largestDifference(found.sums.data, found.whole.data)).toBeLessThan(1e-12);
    for (let row = 0; row < n * heads * length; row++) {
      const line = Array.from(found.weights.data.slice(row * keys, (row + 1) * keys));
      const isBlind = "mask" in options && row % length === 2;
      expect(line.reduce((a, b) => a + b, 0)).toBeCloseTo(isBlind ? 0 : 1, 12);
      if ("mask" in options) expect(line[3]).toBe(0);
      if ("causal" in options) for (let at = (row % length) + 1; at < keys; at++) expect(line[at]).toBe(0);
    }
  });

  test("refuse unfit shapes by name", () => {
    expect(() => t.attentionWeights(query, value)).toThrow(
      "attentionWeights: query and key are [2, 2, 4, 3] and [2, 2, 5, 2], expected […, L, E] and […, S, E]",
    );
    expect(() => t.attentionWeights(query, key, { mask: input("m", [4, 4], "i32") })).toThrow(
      "attentionWeights: mask is [4, 4], expected […, 4, 5]",
    );
  });
});

describe("a layer shows where it looks", () => {
  const x = input("x", [2, 4, 6]);
  const memory = input("memory", [2, 5, 6]);
  const given = { x: noise(x.size, 4), memory: noise(memory.size, 5) };

  /** What the layer makes of weights, step by step. */
  function byHand(layer: nn.Multihead, own: Tensor, from: Tensor, weights: Tensor): Tensor {
    const all = layer.variables;
    const rows = [[12, 18]] as const;
    const values = t.linear(from, t.slice(all.get("in_proj_weight")!, rows), t.slice(all.get("in_proj_bias")!, rows));
    const split = t.permute(t.reshape(values, [2, from.shape[1]!, 2, 3]), [0, 2, 1, 3]);
    const joined = t.reshape(t.permute(t.matmul(weights, split), [0, 2, 1, 3]), own.shape);
    return t.linear(joined, all.get("out_proj.weight")!, all.get("out_proj.bias")!);
  }

  test.each([
    ["at itself", {}],
    ["at what came before", { causal: true }],
    ["at a memory", { memory }],
  ])("%s", (_, attending) => {
    nn.seed(3);
    const layer = nn.multiheadAttention(6, 2);
    const weights = layer.attentionWeights(x, {}, attending);
    const from = "memory" in attending ? memory : x;
    const found = evaluate(
      { hand: byHand(layer, x, from, weights), whole: layer(x, {}, attending) },
      { inputs: "memory" in attending ? given : { x: given.x } },
    );
    expect(weights.shape).toEqual([2, 2, 4, from.shape[1]]);
    expect(largestDifference(found.hand.data, found.whole.data)).toBeLessThan(1e-12);
  });

  test.each([false, true])("in an encoder layer, with normFirst %s", (normFirst) => {
    nn.seed(4);
    const block = nn.transformerEncoderLayer(6, 2, { feedforward: 8, normFirst });
    const look = (scale: number) => block.attentionWeights(t.mul(x, scale), {}, { causal: true });
    const { once, thrice } = evaluate({ once: look(1), thrice: look(3) }, { inputs: { x: given.x } });
    expect(once.shape).toEqual([2, 2, 4, 4]);
    expect(once.data[1]).toBe(0);
    // A normalised input does not depend on its scale, but for eps.
    const change = largestDifference(once.data, thrice.data);
    if (normFirst) expect(change).toBeLessThan(1e-4);
    else expect(change).toBeGreaterThan(0.01);
  });
});

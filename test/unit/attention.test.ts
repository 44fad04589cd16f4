import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { composed } from "../../src/graph/rewrite.ts";
import * as t from "../../src/index.ts";
import { input, nn, type Tensor } from "../../src/index.ts";
import type { AdapterTraits, Forced } from "../../src/kernels/traits.ts";
import { evaluate } from "../../src/reference/index.ts";
import { findRacesIn } from "../../src/selfcheck/index.ts";
import { gpu, software } from "../adapters.ts";

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

describe("the kernels of attention", () => {
  const y = t.scaledDotProductAttention(query, key, value, { causal: true });
  const [dq] = t.grad(t.sum(t.mul(y, y)), [query]);
  const familiesOn = (traits: AdapterTraits, outputs: Record<string, Tensor> = { y, dq: dq! }) =>
    new Set(compile({ outputs }, traits).calls.map(({ family }) => family));

  test("run on GPUs", () => {
    const own = familiesOn(gpu);
    expect(own.has("attention") && own.has("attentionGrad")).toBe(true);
    expect(own.has("matmul") || own.has("softmax")).toBe(false);
  });

  test.each([-2, 0.3, 1e-7, 1e21])("print a scale of %f as WGSL does", (scale) => {
    const scaled = t.scaledDotProductAttention(t.mul(query, 1 / scale), key, value, { scale });
    const { mask: _, ...inputs } = feeds;
    const { outputs } = findRacesIn({ outputs: { scaled } }, inputs, { traits: gpu });
    expect(largestDifference(outputs["scaled"]!, evaluate({ scaled }, { inputs }).scaled.data)).toBeLessThan(1e-6);
  });

  test("make way for products and a softmax on CPU adapters, and for large heads", () => {
    const families = [...familiesOn(software)];
    expect(families).toEqual(expect.arrayContaining(["matmul", "softmaxGrad"]));
    expect(families.filter((name) => name.startsWith("attention"))).toEqual([]);
    const large = input("large", [9, 130]);
    expect(familiesOn(gpu, { y: t.scaledDotProductAttention(large, large, large) }).has("attention")).toBe(false);
  });

  test("run on CPU adapters where they are forced, or a binding cannot hold the scores", () => {
    const wishes: Forced[] = [{ attention: "tiles" }, { "*": { ifFits: "naive" } }];
    for (const forced of wishes) expect(familiesOn({ ...software, forced }).has("attention")).toBe(true);
    const scores = 4 * n * heads * length * keys;
    expect(familiesOn({ ...software, maxBinding: scores }).has("attention")).toBe(false);
    expect(familiesOn({ ...software, maxBinding: scores - 4 }).has("attention")).toBe(true);
  });

  test("leave a gradient of their gradient to the ops that they stand for", () => {
    const [second] = t.grad(t.sum(t.mul(dq!, dq!)), [key]);
    const whole = composed([y]);
    const [first] = t.grad(t.sum(t.mul(whole[0]!, whole[0]!)), [query]);
    const [expected] = t.grad(t.sum(t.mul(first!, first!)), [key]);
    const { mask: _, ...inputs } = feeds;
    const found = evaluate({ second: second!, expected: expected! }, { inputs });
    expect(Math.max(...found.expected.data)).toBeGreaterThan(1e-3);
    expect(largestDifference(found.second.data, found.expected.data)).toBeLessThan(1e-12);
  });

  test("differentiate what is added to the scores", () => {
    const added = input("added", [length, keys]);
    const masked = t.scaledDotProductAttention(query, key, value, { mask: added });
    const [dAdded] = t.grad(t.sum(t.mul(masked, masked)), [added]);
    const [expected] = t.grad(t.sum(t.mul(composed([masked])[0]!, composed([masked])[0]!)), [added]);
    const { mask: _, ...inputs } = feeds;
    const found = evaluate(
      { dAdded: dAdded!, expected: expected! },
      { inputs: { ...inputs, added: noise(added.size, 6) } },
    );
    expect(Math.max(...found.expected.data)).toBeGreaterThan(1e-3);
    expect(largestDifference(found.dAdded.data, found.expected.data)).toBeLessThan(1e-12);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, grad, input, type Tensor } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { some, spares } from "../place.ts";

/*
 * The kernels of attention, forced in turn, against the float64 twin, which computes the scores: results and gradients.
 */

let device: GPUDevice;
beforeAll(async () => {
  device = await (await navigator.gpu.requestAdapter())!.requestDevice();
});
afterAll(() => device.destroy());

const values = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * 0.7 + seed) * 1.5));

interface Case {
  readonly name: string;
  readonly q: readonly number[];
  readonly k: readonly number[];
  readonly width?: number;
  readonly mask?: { readonly shape: readonly number[]; readonly dtype: "f32" | "i32" };
  readonly causal?: boolean;
}

const cases: readonly Case[] = [
  { name: "odd sizes, causal, fewer keys", q: [2, 37, 5], k: [2, 33, 5], width: 3, causal: true },
  {
    name: "what is added to the scores",
    q: [2, 2, 33, 8],
    k: [2, 2, 40, 8],
    mask: { shape: [2, 1, 33, 40], dtype: "f32" },
  },
  {
    name: "padded keys and broadcast ones",
    q: [3, 2, 7, 20],
    k: [2, 40, 20],
    mask: { shape: [3, 1, 1, 40], dtype: "i32" },
  },
  { name: "two queries, more keys than workgroups take at once", q: [2, 12], k: [2100, 12], width: 20 },
];

/** Results and gradients with forced variants. @returns the kernels that ran. */
async function agrees(
  [attention, attentionGrad]: readonly [string, string],
  outputs: Record<string, Tensor>,
  feeds: Record<string, Float32Array | Int32Array>,
) {
  const engine = await Engine.create({ device, variants: { attention, attentionGrad } });
  const program = await engine.compile({ outputs });
  await program.run(feeds);
  for (const [name, { data }] of Object.entries(evaluate(outputs, { inputs: feeds }))) {
    const got = await program.outputs[name]!.data();
    data.forEach((value, i) => {
      if (!(Math.abs(got[i]! - value) <= 1e-4 * (1 + Math.abs(value))))
        expect.fail(`${name}[${i}] is ${got[i]}, expected ${value}`);
    });
  }
  const used = program.inspect().kernels.map(({ family, variant }) => `${family}/${variant}`);
  engine.destroy();
  return new Set(used);
}

const gradientsOf = (y: Tensor, wrt: Record<string, Tensor>): Record<string, Tensor> => {
  const all = grad(t.sum(t.mul(y, t.add(y, 0.5))), Object.values(wrt));
  return Object.fromEntries(Object.keys(wrt).map((name, i) => [`d${name}`, all[i]!]));
};

/** Those that a variant is for: tiles take long to compile on a CPU. */
const casesFor = (variant: string) => {
  const [few, many] = [cases.filter(({ q }) => q.at(-2)! <= 8), cases.filter(({ q }) => q.at(-2)! > 8)];
  return variant === "split" ? few : some(variant === "tiles" ? many : cases);
};

describe.each([
  ["naive", "naive"],
  ["tiles", "tiles"],
  ["split", "naive"],
])("attention by %s", (variant, backward) => {
  test.each(casesFor(variant))("$name", async ({ q, k, width = q.at(-1)!, mask, causal = false }) => {
    const wrt = { q: input("q", q), k: input("k", k), v: input("v", [...k.slice(0, -1), width]) };
    const given = mask && input("mask", mask.shape, mask.dtype);
    const y = t.scaledDotProductAttention(wrt.q, wrt.k, wrt.v, { causal, ...(given && { mask: given }) });
    const feeds: Record<string, Float32Array | Int32Array> = Object.fromEntries(
      Object.entries(wrt).map(([name, { size }], i) => [name, values(size, i)]),
    );
    if (given?.dtype === "i32") feeds["mask"] = Int32Array.from({ length: given.size }, (_, i) => (i * 7) % 3);
    if (given?.dtype === "f32")
      feeds["mask"] = Float32Array.from({ length: given.size }, (_, i) => (i % 5 === 2 ? -1e30 : Math.sin(i)));
    const used = await agrees([variant, backward], { y, ...gradientsOf(y, wrt) }, feeds);
    expect([...used]).toEqual(expect.arrayContaining([`attention/${variant}`, `attentionGrad/${backward}`]));
  });

  test.skipIf(variant === "split" || spares)("heads as views of one tensor", async () => {
    const x = input("x", [2, 34, 3, 2, 20]);
    const [q, k, v] = [0, 1, 2].map((i) => t.permute(t.squeeze(t.slice(x, [[], [], [i, i + 1]]), 2), [0, 2, 1, 3])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const y = t.reshape(t.permute(t.scaledDotProductAttention(q, k, v, { causal: true }), [0, 2, 1, 3]), [2, 34, 40]);
    const used = await agrees([variant, backward], { y, ...gradientsOf(y, { x }) }, { x: values(x.size, 3) });
    expect(used.has(`attention/${variant}`)).toBe(true);
  });
});

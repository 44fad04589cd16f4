import { afterAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, type Passes, type Tensor } from "../../src/index.ts";
import { readManifest } from "../golden/cases.ts";
import { caseFaults } from "../golden/device.ts";

/*
 * Tests "Infinities and NaN" in src/README.md, sentence by sentence.
 */

const [engine, { cases }] = await Promise.all([Engine.create(), readManifest()]);
afterAll(() => engine.destroy());

const infinity = Number.POSITIVE_INFINITY;
/** The smallest value allowed for an infinity: below the largest f32 by what division may lose. */
const huge = 3.4e38;
const x = t.input("x", [6]);

async function run(y: Tensor, values: readonly number[], options: Passes & { checkFinite?: boolean } = {}) {
  const program = await engine.compile({ outputs: { y } }, options);
  try {
    await program.run(values.length > 0 ? { x: Float32Array.from(values) } : {});
    return [...(await program.outputs.y.data())];
  } finally {
    program.destroy();
  }
}

describe("the reference cases with infinities", () => {
  for (const golden of cases.filter(({ tags }) => tags.includes("nonfinite"))) {
    test(golden.name, async () => expect(await caseFaults(engine, golden)).toEqual([]));
  }
});

describe("numbers of a graph are finite", () => {
  const y = t.exp(x);
  test.each<[string, () => unknown]>([
    ["full", () => t.full([2], infinity)],
    ["an operand", () => t.where(t.gt(y, 0), y, -infinity)],
    ["an operand that f32 does not hold", () => t.add(y, 1e39)],
    ["a bound", () => t.clamp(y, { max: infinity })],
    ["a filling", () => t.pad(y, { low: [1], high: [0], value: -1e39 })],
  ])("%s", (_, build) => expect(build).toThrow(/expected a finite number/));
});

const fed = [1, infinity, -infinity, -2, infinity, 0.5];

test.each<[string, () => Tensor, number[]]>([
  ["views", () => t.flip(t.slice(x, [[1, 5]]), 0), [infinity, -2, -infinity, infinity]],
  [
    "a reshape that copies",
    () => t.reshape(t.transpose(t.reshape(x, [2, 3])), [-1]),
    [1, -2, infinity, infinity, -infinity, 0.5],
  ],
  ["concat", () => t.concat([t.slice(x, [[0, 2]]), t.slice(x, [[2, 3]])]), [1, infinity, -infinity]],
  ["pad", () => t.pad(t.slice(x, [[1, 3]]), { low: [1], high: [0] }), [0, infinity, -infinity]],
  ["gather", () => t.indexSelect(x, 0, t.constant(Int32Array.of(2, 0, 1), [3])), [-infinity, 1, infinity]],
  ["where", () => t.where(t.constant(Int32Array.of(1, 1, 0, 0, 1, 0), [6]), x, 7), [1, infinity, 7, 7, infinity, 7]],
  ["neg", () => t.neg(x), [-1, -infinity, infinity, 2, -infinity, -0.5]],
])("infinities that are only moved stay infinite: %s", async (_, y, wanted) => {
  expect(await run(y(), fed)).toEqual(wanted);
});

test.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
  ["exp", t.exp, [88.5, 89, 1000, -1000, 0, 1], [2.7231e38, huge, huge, 0, 1, Math.E]],
  ["division", (x) => t.div(1, x), [0, 1, 2, 4, -1, -2], [huge, 1, 0.5, 0.25, -1, -0.5]],
  ["reciprocal", t.reciprocal, [0, 1, 2, 4, -1, -2], [huge, 1, 0.5, 0.25, -1, -0.5]],
  ["rsqrt", t.rsqrt, [0, 1, 4, 16, 64, 0.25], [huge, 1, 0.5, 0.25, 0.125, 2]],
  ["pow", (x) => t.pow(x, -2), [0, 1, 2, -2, 0.5, 4], [huge, 1, 0.25, 0.25, 4, 0.0625]],
  ["products", (x) => t.mul(t.mul(x, x), x), [1e20, -1e20, 1, 2, 3, 0], [huge, -huge, 1, 8, 27, 0]],
  ["sums", (x) => t.add(t.add(x, x), x), [3e38, -3e38, 1, 2, 3, 0], [huge, -huge, 3, 6, 9, 0]],
  ["log", t.log, [0, 1, Math.E, 0, 1, 1], [-87, 0, 1, -87, 0, 0]],
])(
  "%s: results that are too large become infinite or huge, and do not affect their neighbours",
  async (_, op, values, wanted) => {
    for (const passes of [{}, { simplify: false, fuse: false, merge: false }]) {
      const got = await run(op(x), values, passes);
      wanted.forEach((want, i) => {
        if (Math.abs(want) === huge || want === -87) expect(got[i]! / want, `${got[i]}`).toBeGreaterThanOrEqual(1);
        else expect(got[i]!).toBeCloseTo(want, 4 - Math.max(0, Math.log10(Math.abs(want) || 1)));
      });
    }
  },
);

describe("constant expressions are left to the run", () => {
  const two = (value: number) => t.full([2], value);
  test.each<[string, () => Tensor, number]>([
    ["exp(200)", () => t.exp(two(200)), huge],
    ["1 / 0", () => t.div(two(1), 0), huge],
    ["-1 / 0 + 1", () => t.add(t.div(two(-1), 0), 1), -huge],
    ["log(0)", () => t.log(two(0)), -87],
    ["3e38 + 3e38", () => t.add(two(3e38), two(3e38)), huge],
    ["1e30 · 1e30 · -1", () => t.neg(t.mul(two(1e30), 1e30)), -huge],
    ["a sum's factor", () => t.reshape(t.mul(t.mul(t.sum(two(1)), 1e30), 1e30), [1]), huge],
  ])("%s", async (_, y, least) => {
    for (const passes of [{}, { simplify: false, fuse: false, merge: false }]) {
      for (const value of await run(y(), [], passes)) expect(value / least, `${value}`).toBeGreaterThanOrEqual(1);
    }
  });

  test("an integer divided by 0 compiles, and integers wrap", async () => {
    const whole = (value: number) => t.full([2], value, "i32");
    expect(await run(t.add(t.mul(t.div(whole(7), whole(0)), 0), 3), [])).toEqual([3, 3]);
    for (const passes of [{}, { simplify: false, fuse: false, merge: false }]) {
      expect(await run(t.add(whole(2147483647), whole(1)), [], passes)).toEqual([-2147483648, -2147483648]);
    }
  });
});

const ways = ["naive", "serial", "tree", "kept", ...(engine.device.features.has("subgroups") ? ["quads"] : [])];

describe.each(ways)('minus infinity means "not this one" (softmax, %s)', (variant) => {
  const rows = Float32Array.of(0.5, -infinity, 1, -infinity, -infinity, 2);
  const logits = t.input("logits", [2, 3]);
  const log = (...values: number[]) => Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));

  test("in softmax, logsumexp and the loss, with gradients of 0 there", async () => {
    const forced = await Engine.create({ device: engine.device, variants: { softmax: variant } });
    const p = t.softmax(logits);
    const loss = t.losses.crossEntropy(logits, t.constant(Int32Array.of(2, 2), [2]), { reduction: "sum" });
    const [slope] = t.grad(loss, [logits]);
    const program = await forced.compile({ outputs: { p, l: t.logsumexp(logits, 1), loss, slope: slope! } });
    await program.run({ logits: rows });
    const near = async (name: keyof typeof program.outputs, wanted: number[]) => {
      const got = await program.outputs[name].data();
      wanted.forEach((want, i) => expect(got[i], `${name}[${i}]`).toBeCloseTo(want, 5));
    };
    const first = Math.exp(0.5 - log(0.5, 1));
    await near("p", [first, 0, 1 - first, 0, 0, 1]);
    await near("l", [log(0.5, 1), 2]);
    await near("loss", [log(0.5, 1) - 1]);
    await near("slope", [first, 0, -first, 0, 0, 0]);
    forced.destroy();
  });
});

test("checkFinite finds what no other guarantee covers", async () => {
  const difference = t.sub(t.exp(x), t.exp(t.mul(x, 2)));
  await expect(run(difference, [1, 2, 3, 4, 5, 100], { checkFinite: true })).rejects.toThrow(t.NonFiniteError);
  expect(await run(difference, [0, 0, 0, 0, 0, 0], { checkFinite: true })).toEqual([0, 0, 0, 0, 0, 0]);
});

test("any and all count NaN as not zero", async () => {
  const rows = t.reshape(x, [3, 2]);
  const values = [Number.NaN, 0, Number.NaN, Number.NaN, 0, 0];
  expect(await run(t.any(rows, 1), values)).toEqual([1, 1, 0]);
  expect(await run(t.all(rows, 1), values)).toEqual([0, 1, 0]);
});

import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import { halfBits, halfValue } from "../../src/graph/half.ts";
import { type DType, showShape, sizeOf } from "../../src/graph/shape.ts";
import type { Tensor, TensorData } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { Engine } from "../../src/index.ts";
import { cast } from "../../src/ops/pointwise/arithmetic.ts";
import { constant, input, variable } from "../../src/ops/sources/constants.ts";
import { evaluate } from "../../src/reference/index.ts";
import { type CaseRow, cases } from "../cases.ts";
import { weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { exact, half, missOf, recurrent, roundings, values } from "../half.ts";
import { brief } from "../place.ts";

const engine = await Engine.create();
afterAll(() => engine.destroy());
const lacking = !engine.traits.features.has("shader-f16");
/** Tests are skipped on adapters without f16; their names say why. */
const titled = (title: string): string => (lacking ? `${title}: skipped, this adapter lacks shader-f16` : title);

/** Ops whose kernels are f32 only. */
const wide = /^foreach/;
/** Recurrences of the cases have up to three steps. */
const roundingsOf = ({ name }: CaseRow): number => (/^(lstm|gru|rnn)/.test(name) ? recurrent(3) : roundings);

/** Normalisations and recurrences take a CPU compiler longest, and more cases hardly take other kernels. */
const isLong = ({ name }: CaseRow): boolean => /Norm|^(lstm|gru|rnn)/.test(name);
const isSpare = (row: CaseRow): boolean => isLong(row) && /Cell$|two layers|plain|shifted|over two axes/.test(row.name);
const shapesOf = (row: CaseRow) => (brief && isLong(row) ? row.shapes.slice(0, 1) : row.shapes);

async function check(row: CaseRow, factor = roundingsOf(row)): Promise<void> {
  const faults: string[] = [];
  for (const shapes of shapesOf(row)) {
    const data = fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)).map(exact);
    const dtypeOf = (values: TensorData): DType => (values instanceof Float32Array ? "f16" : "i32");
    const inputs = shapes.map((shape, i) => input(`x${i}`, shape, dtypeOf(data[i]!)));
    const feeds = Object.fromEntries(data.map((values, i) => [`x${i}`, values]));
    const y = row.op(...inputs);
    const halves = inputs.filter((x) => x.dtype === "f16");
    const gradients = y.dtype === "f16" && !row.noGradient ? grad(weigh(cast(y, "f32")), halves) : [];
    const outputs: Record<string, Tensor> = { y };
    gradients.forEach((dx, i) => {
      outputs[`gradient ${i}`] = dx;
    });
    const wanted = evaluate(outputs, { inputs: feeds });
    const program = await engine.compile({ outputs });
    await program.run(feeds);
    for (const [name, want] of Object.entries(wanted)) {
      const miss = missOf(await program.outputs[name]!.data(), want.data, want.dtype === "i32" ? 0 : factor);
      if (miss) faults.push(`${shapes.map(showShape).join(" ")} ${name}${miss}`);
    }
    program.destroy();
  }
  expect(faults).toEqual([]);
}

describe.skipIf(lacking)(titled("every op in f16 agrees with its float64 twin"), () => {
  for (const row of cases) if (!wide.test(row.name)) test.skipIf(brief && isSpare(row))(row.name, () => check(row));
});

describe.skipIf(lacking)(titled("f16 tensors"), () => {
  test("fusing changes only the last bits", async () => {
    const [a, b, c] = [half("a", [7, 13]), half("b", [13, 9]), half("c", [9])];
    const h = t.gelu(t.add(t.matmul(a, b), c));
    const chain = t.softplus(t.sub(t.mul(h, 3.7), t.div(c, t.add(t.exp(h), 1.1))));
    const outputs = { chain, mixed: t.cast(t.mul(t.cast(chain, "f32"), 1.01), "f16") };
    const feeds = { a: values(91, 1), b: values(117, 2), c: values(9, 3) };
    const read = async (fuse: boolean) => {
      const program = await engine.compile({ outputs }, { fuse });
      await program.run(feeds);
      return Promise.all([program.outputs.chain.data(), program.outputs.mixed.data()]);
    };
    const [fused, plain] = [await read(true), await read(false)];
    // Two roundings: one if the compiler contracts a · b + c, and its effect on the next operation.
    fused.forEach((data, i) => {
      expect(missOf(data, Float64Array.from(plain[i]!), 2)).toBeUndefined();
    });
  });

  test("sums of many numbers do not overflow on the way to their mean", async () => {
    const program = await engine.compile({ outputs: { mean: t.mean(t.add(half("x", [300, 300]), 60)) } });
    await program.run({ x: new Float32Array(90000).fill(4) });
    expect(await program.outputs.mean.scalar()).toBe(64);
  });

  test("variables, constants and feeds are rounded on upload, and read back as numbers", async () => {
    const third = halfValue(halfBits(1 / 3));
    const w = variable(new Float32Array([1 / 3, 2, 3]), [3], { name: "w", dtype: "f16" });
    const added = constant(new Float32Array([1 / 3, 1, 65504]), [3], "added", "f16");
    const x = half("x", [3]);
    const program = await engine.compile({
      outputs: { y: t.maximum(t.mul(x, w), added) },
      updates: [[w, t.add(w, 1)]],
    });
    await program.run({ x: new Float32Array([1, 1 / 3, 0]) });
    expect([...(await program.outputs.y.data())]).toEqual([third, 1, 65504]);
    expect([...(await engine.read(w))]).toEqual([halfValue(halfBits(third + 1)), 3, 4]);
    engine.write(w, new Float32Array([1 / 3, -1e-7, 70000]));
    expect([...(await engine.read(w))]).toEqual([third, -(2 ** -23), Number.POSITIVE_INFINITY]);
  });

  test("overflow is reported where it arises", async () => {
    const program = await engine.compile({ outputs: { y: t.exp(half("x", [5])) } }, { checkFinite: true });
    await program.run({ x: new Float32Array([1, 2, 3, 4, 5]) });
    expect((await program.outputs.y.data())[0]).toBeCloseTo(Math.E, 2);
    await program.run({ x: new Float32Array([1, 2, 3, 4, 12]) });
    await expect(program.outputs.y.data()).rejects.toThrow('first arose in kernel "exp[5]:f16"');
  });
});

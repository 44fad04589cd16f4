import { afterAll, expect, test, vi } from "vitest";
import { sizeOf } from "../../src/graph/shape.ts";
import { Engine, grad } from "../../src/index.ts";
import type { Prepared } from "../../src/wasm/dispatch.ts";
import { cases } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";

/*
 * Threads take workgroups of a kernel in any order. Here they run one by one, forwards and backwards: results differ
 * where one reads what another writes, or both write the same word.
 */
const order = vi.hoisted(() => ({ isBackward: false, workgroups: 0 }));

vi.mock("../../src/wasm/dispatch.ts", async (original) => ({
  ...(await original()),
  dispatch: ({ pipeline: { run }, args, counts: [x, y, z] }: Prepared) => {
    const addresses = args.slice(0, -6);
    const groups = Array.from({ length: x * y * z }, (_, i) => [i % x, Math.floor(i / x) % y, Math.floor(i / (x * y))]);
    return () => {
      order.workgroups += groups.length;
      for (const group of order.isBackward ? groups.toReversed() : groups)
        run(...addresses, ...group.flatMap((at) => [at, at + 1]));
      return true;
    };
  },
}));

const engine = await Engine.create({ backend: "wasm" });
afterAll(() => engine.destroy());

test.each(cases)("$name: workgroups run in any order", async ({ op, shapes, draws, noGradient }) => {
  for (const each of shapes) {
    const { inputs, feeds } = inputsOf(fill(draws ?? [reals(-2, 2)], each.map(sizeOf)), each);
    const y = op(...inputs);
    const floats = inputs.filter((x) => x.dtype === "f32");
    const gradients = y.dtype === "f32" && !noGradient ? grad(weigh(y), floats) : [];
    const program = await engine.compile({ outputs: { y, ...Object.fromEntries(gradients.entries()) } });
    const before = order.workgroups;
    const results = [];
    for (const isBackward of [false, true]) {
      order.isBackward = isBackward;
      results.push(await program.compute(feeds));
    }
    expect(order.workgroups > before || program.inspect().kernels.length === 0).toBe(true);
    expect(results[1]).toEqual(results[0]);
    program.destroy();
  }
});

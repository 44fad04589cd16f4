import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import { showShape, sizeOf } from "../../src/graph/shape.ts";
import { Engine, type Tensor } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { type Drawn, drawn } from "../cases/drawn.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { allowance, noisy } from "../graphs/noise.ts";
import { inChrome, spares } from "../place.ts";

/*
 * Every op on random shapes of 0 to 5 axes, forward and backward, against the float64 twin. test/unit/gradients.test.ts
 * checks the gradients of the same draws against differences.
 *
 * VITE_DRAWS sets their number per op, VITE_SEED the seed.
 */
const count = Number(import.meta.env["VITE_DRAWS"] ?? (inChrome ? 4 : 8));
const seed = Number(import.meta.env["VITE_SEED"] ?? 1);

// What WebAssembly computes does not depend on the place, so Node is enough.
const engines = [
  await Engine.create({ backend: "webgpu" }),
  ...(spares ? [] : [await Engine.create({ backend: "wasm" })]),
];
afterAll(() => {
  for (const engine of engines) engine.destroy();
});

async function check(
  engine: Engine,
  { shapes, draws = [reals(-2, 2)], op, noGradient, tolerance = [0, 0] }: Drawn,
  values: number,
) {
  const { inputs, feeds } = inputsOf(fill(draws, shapes.map(sizeOf), values), shapes);
  const y = op(...inputs);
  const floats = y.dtype === "f32" && !noGradient ? inputs.filter((x) => x.dtype === "f32") : [];
  const gradients = floats.length > 0 ? grad(weigh(y), floats) : [];
  const outputs: Record<string, Tensor> = { y, ...Object.fromEntries(gradients.map((dx, i) => [`gradient ${i}`, dx])) };
  const wanted = evaluate(outputs, { inputs: feeds });
  const samples = [1, 2].map((noise) => evaluate(noisy(Object.values(outputs), noise), { inputs: feeds }));
  const program = await engine.compile({ outputs });
  try {
    await program.run(feeds);
    for (const [i, [name, { data, dtype }]] of Object.entries(wanted).entries()) {
      const got = await program.outputs[name]!.data();
      const [rtol, atol] = tolerance;
      const allowed =
        dtype === "f32"
          ? atol +
            allowance(
              data,
              samples.map((sample) => sample[i]!.data),
            )
          : 0;
      data.forEach((want, at) => {
        if (Math.abs(got[at]! - want) <= allowed + rtol * Math.abs(want)) return;
        expect.fail(`${shapes.map(showShape).join(" ")}: ${name}[${at}] is ${got[at]}, the twin has ${want}`);
      });
    }
  } finally {
    program.destroy();
  }
}

for (const engine of engines) {
  describe(`kernels of ${engine.backend} agree with the float64 twin for any shapes`, () => {
    for (const [name, arbitrary] of Object.entries(drawn)) {
      test(name, { timeout: 60_000 + 1000 * count }, async () => {
        const property = fc.asyncProperty(arbitrary, fc.nat(), (...given) => check(engine, ...given));
        await fc.assert(property, { numRuns: count, seed });
      });
    }
  });
}

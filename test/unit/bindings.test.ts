import { describe, expect, test } from "vitest";
import { everything } from "../../bench/plans.ts";
import { compile, type Description } from "../../src/compile/compile.ts";
import { guard } from "../../src/compile/guard.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import { argmax, grad, input, losses, nn, optim, sum, type Tensor } from "../../src/index.ts";
import { gpu, software } from "../adapters.ts";
import { cases } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";

/* Every adapter has eight storage buffers: that must be enough for every kernel, even with the NaN check. */

const optimizers = {
  sgd: () => optim.sgd({ lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  adam: () => optim.adam(),
  amsgrad: () => optim.adam({ amsgrad: true }),
  adamW: () => optim.adamW(),
  nadam: () => optim.nadam(),
  radam: () => optim.radam(),
  adamax: () => optim.adamax(),
  rmsProp: () => optim.rmsProp({ centered: true, momentum: 0.9 }),
  adagrad: () => optim.adagrad(),
  adadelta: () => optim.adadelta(),
};

function step(optimizer: optim.Optimizer, options: optim.StepOptions): Description {
  const model = nn.sequential(nn.conv2d(1, 4, 3), nn.batchNorm2d(4), nn.flatten(), nn.linear(16, 3), nn.layerNorm(3));
  const logits = model(input("x", [2, 1, 4, 4]), { training: true });
  const loss = losses.crossEntropy(logits, input("y", [2], "i32"));
  return { outputs: { loss }, updates: optimizer.minimize(loss, undefined, options) };
}

const described: [string, () => Description[]][] = [
  ...cases.map((row): [string, () => Description[]] => [
    row.name,
    () =>
      row.shapes.map((shapes) => {
        const { inputs } = inputsOf(fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)), shapes);
        const y = row.op(...inputs);
        const floats = inputs.filter((x) => x.dtype === "f32");
        const gradients: Tensor[] = y.dtype === "f32" && !row.noGradient ? grad(weigh(y), floats) : [];
        return { outputs: { y, ...Object.fromEntries(gradients.map((dx, i) => [`gradient ${i}`, dx])) } };
      }),
  ]),
  ...everything.steps.map(({ name, build }): [string, () => Description[]] => [name, () => [build()]]),
  ...Object.entries(optimizers).map(([name, make]): [string, () => Description[]] => [
    name,
    () =>
      [{}, { clip: optim.clipGradNorm(1) }, { clip: optim.clipGradValue(1) }].map((options) => step(make(), options)),
  ]),
];

describe("eight bindings are enough for every kernel", () => {
  test.each(described)("%s", (_, describe) => {
    const over: string[] = [];
    const unwatched: string[] = [];
    for (const description of describe()) {
      for (const traits of [gpu, software]) {
        for (const passes of [{}, { guard }, { guard, fuse: false, simplify: false }]) {
          const { calls, guard } = compile(description, traits, new Map(), passes);
          for (const { label, bindings, wgsl } of calls) {
            if (bindings.length > traits.maxStorageBuffers) over.push(`${label}: ${bindings.length}`);
            if (guard && bindings.length === traits.maxStorageBuffers && !wgsl.includes("unwatched"))
              unwatched.push(label);
          }
        }
      }
    }
    expect(over).toEqual([]);
    expect(unwatched).toEqual([]);
  });

  test("a program with integers only has nothing to check", () => {
    const y = argmax(input("x", [3, 5]), 1);
    expect(compile({ outputs: { y } }, gpu, new Map(), { guard }).guard).toBeUndefined();
    expect(compile({ outputs: { y: sum(input("x", [3])) } }, gpu, new Map(), { guard }).guard).toBeDefined();
  });
});

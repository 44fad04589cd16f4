import { describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { nn, type Tensor, type Variable, variable } from "../../src/index.ts";
import * as optim from "../../src/optim/index.ts";
import { evaluate, ReferenceProgram } from "../../src/reference/index.ts";

/*
 * Parameters that a loss does not reach through a gradient stay unchanged: no optimizer moves them, not even by weight
 * decay or momentum.
 */

const makers: Readonly<Record<string, () => optim.Optimizer>> = {
  sgd: () => optim.sgd({ lr: 0.1, weightDecay: 0.1 }),
  "sgd with momentum": () => optim.sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.1 }),
  adam: () => optim.adam({ lr: 0.1, weightDecay: 0.1 }),
  adamW: () => optim.adamW({ lr: 0.1 }),
  adamax: () => optim.adamax({ lr: 0.1, weightDecay: 0.1 }),
  nadam: () => optim.nadam({ lr: 0.1, weightDecay: 0.1 }),
  radam: () => optim.radam({ lr: 0.1, weightDecay: 0.1 }),
  rmsProp: () => optim.rmsProp({ lr: 0.1, weightDecay: 0.1 }),
  adagrad: () => optim.adagrad({ lr: 0.1, weightDecay: 0.1 }),
  adadelta: () => optim.adadelta({ weightDecay: 0.1 }),
};

const named = (name: string): Variable => variable(Float32Array.of(0.5, -1, 2), [3], { name });
const [h, w] = [named("h"), named("w")];
const whole = (x: Tensor) => t.cast(x, "i32");

/** Losses that depend on h through a gradient, and on w otherwise. */
const frozen: Readonly<Record<string, () => Tensor>> = {
  "detach(w)": () => t.sum(t.mul(h, t.detach(w))),
  "detach of what w enters": () => t.sum(t.mul(h, t.detach(t.exp(t.mul(w, 2))))),
  "any and all": () => t.sum(t.mul(h, t.cast(t.add(t.any(w), t.all(w)), "f32"))),
  "a condition": () => t.sum(t.where(t.gt(w, 0), h, t.neg(h))),
  "an index of gather": () => t.sum(t.gather(h, 0, whole(t.clamp(w, { min: 0, max: 2 })))),
  argmax: () => t.sum(t.mul(h, t.cast(t.argmax(w, 0), "f32"))),
  "one-hot of whole numbers": () => t.sum(t.mul(h, t.sum(t.oneHot(whole(t.abs(w)), 3), 0))),
  "labels of a loss": () => t.losses.crossEntropy(t.reshape(h, [1, 3]), t.reshape(t.argmax(w, 0), [1])),
  "steps: sign, floor, ceil and round": () =>
    t.sum(t.mul(h, t.add(t.sign(t.mul(w, 2)), t.add(t.floor(t.ceil(t.exp(w))), t.round(t.mul(w, 3)))))),
};

const valuesAfter = (updates: optim.StepUpdates, variables: readonly Variable[]) => {
  const program = new ReferenceProgram({ updates });
  for (let i = 0; i < 3; i++) program.run({});
  return variables.map((variable) => [...program.read(variable)]);
};

describe.each(Object.entries(makers))("%s does not move parameters behind", (_, make) => {
  test.each(Object.entries(frozen))("%s", (_, lossOf) => {
    const updates = make().minimize(lossOf(), { clip: optim.clipGradNorm(1), scaler: optim.lossScaler() });
    const [moved, kept] = valuesAfter(updates, [h, w]);
    expect(kept).toEqual([...w.initial]);
    expect(moved).not.toEqual([...h.initial]);
    expect(updates.map(([variable]) => variable)).not.toContain(w);
  });
});

test("a parameter detached in one place and used in another moves", () => {
  const updates = optim.adamW().minimize(t.sum(t.mul(t.detach(w), t.mul(h, w))));
  expect(valuesAfter(updates, [w])[0]).not.toEqual([...w.initial]);
});

test("both sides of a where move, for any condition", () => {
  const loss = t.sum(t.where(t.full([3], 1, "i32"), h, w));
  expect(optim.parametersOf(loss)).toEqual([h, w]);
});

test("integers and running statistics are not parameters", () => {
  const count = variable(Int32Array.of(3), [1], { name: "count" });
  expect(optim.parametersOf(t.mul(h, t.cast(count, "f32")))).toEqual([h]);
  const layer = t.nn.batchNorm1d(3);
  const loss = t.sum(layer(t.input("x", [4, 3]), { training: false }));
  const names = optim.parametersOf(loss).map(({ name }) => name);
  expect(names).toEqual(["weight", "bias"]);
  expect(() => optim.sgd({ lr: 1 }).minimize(loss, [...layer.variables.values()])).toThrow(
    'no gradient of the loss reaches "running_mean", "running_var", "num_batches_tracked"',
  );
});

describe("a given parameter that no gradient reaches is an error", () => {
  const message = 'no gradient of the loss reaches "w": leave them out of the list';
  test.each(Object.entries(frozen))("%s", (_, lossOf) => {
    expect(() => optim.adamW().minimize(lossOf(), [h, w])).toThrow(`optim.adamW: ${message}`);
    expect(() => optim.adamW().apply([h, w], t.grad(lossOf(), [h, w]))).toThrow(`optim.adamW: ${message}`);
    const sums = optim.accumulator([h, w]);
    sums.collect(lossOf());
    expect(() => sums.step(optim.adamW())).toThrow(`optim.accumulator: ${message}`);
  });

  test("not if another loss of the accumulator reaches it", () => {
    const sums = optim.accumulator([h, w]);
    sums.collect(t.sum(t.mul(h, t.detach(w))));
    sums.collect(t.sum(t.mul(w, w)));
    expect(sums.step(optim.adamW()).map(([variable]) => variable)).toContain(w);
  });

  test("a step needs at least one parameter", () => {
    expect(() => optim.adamW().minimize(t.sum(t.detach(w)))).toThrow("optim.adamW: no parameters to update");
  });
});

describe("nn.freeze", () => {
  const model = () => nn.sequential({ body: nn.sequential(nn.linear(3, 4), nn.batchNorm1d(4)), head: nn.linear(4, 2) });
  const moved = (parts: nn.Parts & nn.Module) =>
    optim.parametersOf(t.sum(parts(x, { training: true }))).map(({ name }) => name);
  const x = t.input("x", [5, 3]);
  const data = Float32Array.from({ length: 15 }, (_, i) => Math.sin(i));

  test("leaves out a whole model, a part, a layer in it, or one variable", () => {
    const all = model();
    nn.freeze(all);
    expect(moved(all)).toEqual([]);
    nn.unfreeze(all);
    nn.freeze(all, "body");
    expect(moved(all)).toEqual(["head.weight", "head.bias"]);
    nn.unfreeze(all, "body.1");
    expect(moved(all)).toEqual(["body.1.weight", "body.1.bias", "head.weight", "head.bias"]);
    nn.freeze(all, "body.1.weight", "head");
    expect(moved(all)).toEqual(["body.1.bias"]);
  });

  test("keeps batch statistics, like Keras; other layers train on through the frozen ones", () => {
    const all = model();
    nn.freeze(all, "body.1");
    const loss = t.mean(t.mul(all(x, { training: true }), all(x, { training: true })));
    const updates = optim.adamW({ lr: 0.1 }).minimize(loss);
    const program = new ReferenceProgram({ updates });
    program.run({ x: data });
    for (const [name, variable] of all.variables) {
      const same = program.read(variable).every((value, i) => value === variable.initial[i]);
      expect([name, same]).toEqual([name, name.startsWith("body.1.")]);
    }
  });

  test("batch normalisation in evaluation by freezing needs no { training: false }", () => {
    const all = model();
    nn.freeze(all, "body");
    expect(() => optim.sgd({ lr: 1 }).minimize(t.sum(all(x)))).not.toThrow();
  });

  test("a frozen parameter in a list, and unknown parts, are refused", () => {
    const layer = nn.linear(3, 2);
    nn.freeze(layer, "bias");
    const loss = t.sum(layer(x));
    expect(() => optim.sgd({ lr: 1 }).minimize(loss, [...layer.variables.values()])).toThrow(
      'no gradient of the loss reaches "bias": leave them out of the list, or remove what cuts the path (nn.freeze,',
    );
    expect(() => nn.freeze(model(), "bdy")).toThrow(
      'nn.freeze: there is no part "bdy" (did you mean "body.0"?), only "body.0", "body.1", "head"',
    );
  });
});

describe("nn.tiedLinear", () => {
  const tokens = t.input("tokens", [4], "i32");

  test("shares one variable: its gradient is the sum of both uses", () => {
    const table = nn.embedding(5, 3);
    const model = nn.sequential({ table, head: nn.tiedLinear(table) });
    const weight = table.variables.get("weight")!;
    expect([...model.variables]).toEqual([
      ["table.weight", weight],
      ["head.weight", weight],
    ]);
    expect(optim.parametersOf(t.sum(model(tokens)))).toEqual([weight]);
    // The gradient of Σᵢ Σₖ w[tᵢ]·w[k], by hand: each row is a factor both as w[tᵢ] and as w[k].
    const both = t.grad(t.sum(model(tokens)), [weight]);
    const [gradient] = evaluate(both, { inputs: { tokens: Int32Array.of(1, 3, 1, 0) } });
    const w = weight.initial;
    const sumOf = (rows: readonly number[], c: number) => rows.reduce((sum, row) => sum + w[row * 3 + c]!, 0);
    const wanted = Array.from({ length: 15 }, (_, at) => {
      const [row, c] = [Math.floor(at / 3), at % 3];
      const uses = [1, 3, 1, 0].filter((token) => token === row).length;
      return uses * sumOf([0, 1, 2, 3, 4], c) + sumOf([1, 3, 1, 0], c);
    });
    expect([...gradient!.data]).toEqual(wanted.map((value) => expect.closeTo(value, 10)));
  });

  test("refuses layers without a matrix", () => {
    expect(() => nn.tiedLinear(nn.relu())).toThrow(
      "nn.tiedLinear: the layer is a module, expected a module with a var",
    );
    expect(() => nn.tiedLinear(nn.conv2d(1, 2, 3))).toThrow("the weight is [2, 1, 3, 3], expected [count, size]");
  });
});

import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import * as t from "../../src/index.ts";
import { input, losses, nn, optim, type Tensor } from "../../src/index.ts";
import { gpu } from "../adapters.ts";

/*
 * Dropout and batch normalisation are off by default, and optimizers refuse a loss that leaves their mode unspecified.
 */

const half = { ...gpu, features: new Set([...gpu.features, "shader-f16"]) };
const square = (y: Tensor) => t.sum(t.mul(y, y));
const rows = input("x", [4, 6]);
const images = input("images", [2, 3, 4, 4]);
const steps = input("steps", [5, 2, 6]);

/** How each layer with a mode is applied, and its name in the error. */
const layers: Readonly<Record<string, readonly [name: string, apply: (mode?: nn.Mode) => Tensor]>> = (() => {
  const dropout = nn.sequential(nn.linear(6, 6), nn.dropout(0.1), nn.linear(6, 2));
  const early = nn.sequential(nn.dropout(0.1), nn.linear(6, 2));
  const [norm1, norm2] = [nn.batchNorm1d(6), nn.batchNorm2d(3)];
  const block = nn.transformerEncoderLayer(6, 2, { feedforward: 8 });
  const lstm = nn.lstm(6, 4, { layers: 2, dropout: 0.1 });
  const weight = t.variable(new Float32Array(6).fill(1), [6], { name: "weight" });
  const running = { mean: t.variable(new Float32Array(6), [6]), variance: t.full([6], 1) };
  const own = nn.module((x, { training }) => t.mul(x, training ? weight : t.neg(weight)), { weight });
  const byDefault = nn.module((x, { training = false }) => norm1(x, { training }), norm1.variables, "MyNorm");
  const inner = nn.module((x, mode) => norm1(x, { ...mode }), norm1.variables);
  return {
    dropout: ['nn.dropout in layer "1"', (mode) => dropout(rows, mode)],
    "dropout of the input": ['nn.dropout in layer "0"', (mode) => early(rows, mode)],
    batchNorm1d: ["nn.batchNorm1d", (mode) => norm1(rows, mode)],
    batchNorm2d: ["nn.batchNorm2d", (mode) => norm2(images, mode)],
    "batchNorm, the function": [
      "batchNorm",
      (mode) => t.batchNorm(t.mul(rows, weight), { running: running as never, ...mode }),
    ],
    "an encoder layer": ["nn.dropout", (mode) => block(steps, mode)],
    "an LSTM with dropout": ["nn.dropout", (mode) => lstm(steps, mode).output],
    "an LSTM with dropout, as a module": ["nn.dropout", (mode) => lstm.output(steps, mode)],
    "a module that reads the mode": ["a module", (mode) => own(rows, mode)],
    "a module that sets the mode of its layers": ["MyNorm", (mode) => byDefault(rows, mode)],
    "a module that passes its layers a copy": ["nn.batchNorm1d", (mode) => inner(rows, mode)],
    "mixed precision": ['nn.dropout in layer "1"', (mode) => nn.mixedPrecision(dropout)(rows, mode)],
    "a deep model": [
      'nn.batchNorm1d in layer "norm", nn.dropout in layer "drop.0"',
      (mode) =>
        nn.sequential({ body: nn.sequential(nn.linear(6, 6), nn.relu()), norm: norm1, drop: early })(rows, mode),
    ],
  };
})();

describe.each(Object.entries(layers))("%s", (_, [name, apply]) => {
  const message = (who: string) => `optim.${who}: the loss goes through ${name} in evaluation mode: call the model as`;

  test.each<[string, nn.Mode | undefined]>([
    ["no mode", undefined],
    ["an empty one", {}],
    ["an undefined one", { training: undefined as never }],
  ])("%s: no optimizer trains it", (_, mode) => {
    const loss = square(apply(mode));
    expect(() => optim.adam().minimize(loss)).toThrow(message("adam"));
    expect(() => optim.adam().minimize(loss, optim.parametersOf(loss))).toThrow(t.AttributeError);
    const parameters = optim.parametersOf(loss);
    expect(() => optim.sgd({ lr: 1 }).apply(parameters, t.grad(loss, parameters))).toThrow(message("sgd"));
    expect(() => optim.accumulator(parameters).collect(loss)).toThrow(message("accumulator"));
  });

  test("explicit training and evaluation", () => {
    for (const training of [true, false])
      expect(optim.adam().minimize(square(apply({ training }))).length).toBeGreaterThan(0);
  });

  test("the mark costs nothing", () => {
    const labels = (mode?: nn.Mode) => {
      const y = apply(mode);
      const { calls } = compile({ outputs: { y, dx: t.grad(square(y), optim.parametersOf(y))[0]! } }, half);
      return calls.map(({ label, wgsl }) => [label, wgsl]);
    };
    expect(labels()).toEqual(labels({ training: false }));
  });
});

describe("no mode is needed", () => {
  test.each<[string, nn.Module, Tensor]>([
    ["layers without a mode", nn.sequential(nn.linear(6, 6), nn.relu(), nn.layerNorm(6), nn.linear(6, 2)), rows],
    ["dropout of nothing", nn.sequential(nn.linear(6, 6), nn.dropout(0)), rows],
    ["batch normalisation without running statistics", nn.batchNorm1d(6, { trackRunningStats: false }), rows],
    ["an LSTM of one layer", nn.lstm(6, 4, { dropout: 0.5 }).output, steps],
    ["an encoder layer without dropout", nn.transformerEncoderLayer(6, 2, { dropout: 0 }), steps],
    [
      "a module that passes the mode on",
      nn.module((x, mode) => nn.relu()(x, mode)),
      t.mul(rows, nn.linear(6, 6)(rows)),
    ],
  ])("%s", (_, model, x) => {
    expect(optim.sgd({ lr: 1 }).minimize(square(model(x))).length).toBeGreaterThan(0);
  });
});

describe("a part in evaluation", () => {
  const body = nn.sequential(nn.linear(6, 6), nn.batchNorm1d(6));
  const head = nn.sequential(nn.dropout(0.5), nn.linear(6, 2));
  const y = input("y", [4], "i32");

  test("frozen statistics under a head that trains", () => {
    const logits = head(body(rows, { training: false }), { training: true });
    const updates = optim.adam().minimize(losses.crossEntropy(logits, y));
    expect(updates.map(([{ name }]) => name)).not.toContain("running_mean");
  });

  test("a teacher that is detached, or that gives labels", () => {
    const loss = losses.mse(head(rows, { training: true }), t.detach(head(rows)));
    expect(optim.adam().minimize(loss).length).toBeGreaterThan(0);
    const pseudo = losses.crossEntropy(head(rows, { training: true }), t.argmax(head(rows), 1));
    expect(optim.adam().minimize(pseudo).length).toBeGreaterThan(0);
    const forgotten = losses.mse(head(rows, { training: true }), head(rows));
    expect(() => optim.adam().minimize(forgotten)).toThrow('nn.dropout in layer "0" in evaluation mode');
  });
});

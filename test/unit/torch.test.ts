import { describe, expect, test } from "vitest";
import { crossEntropy, mse } from "../../src/losses/index.ts";
import { custom } from "../../src/model/index.ts";
import { layersOfNn } from "../../src/model/layers.ts";
import * as nn from "../../src/nn/index.ts";
import { add, cast, elementwise, input, iota, mean, mul, relu, reshape, sum, variable } from "../../src/ops/index.ts";
import * as optim from "../../src/optim/index.ts";
import type { Runner } from "../../src/runtime/runner.ts";
import { exportTorch, type Inputs, torchFunction } from "../../src/torch/index.ts";
import { layerRows } from "../../src/torch/layers.ts";

/** Reads first values, in place of a device. */
const engine = { read: async (variable: { initial: Float32Array }) => variable.initial } as unknown as Runner;
const optimizer = () => optim.adam({ lr: 0.01 });

/** The text of a model's classes and functions. */
async function textOf(model: nn.Module, shape: readonly number[], more = {}): Promise<string> {
  const loss = ({ x, y }: Inputs) => mse(model(x!, { training: true }), y!);
  const [, ...sizes] = model(input("x", [3, ...shape])).shape;
  const files = await exportTorch(engine, {
    model,
    inputs: { x: shape, y: sizes },
    loss,
    optimizer: optimizer(),
    ...more,
  });
  return files["model.py"] as string;
}

test("every layer of nn has a row, but those that are written by their parts or refused", () => {
  const others = ["sequential", "mixedPrecision"];
  expect(Object.keys(layerRows).sort()).toEqual(
    Object.keys(layersOfNn)
      .filter((name) => !others.includes(name))
      .sort(),
  );
});

test("a sequence is a class of PyTorch's own layers", async () => {
  const text = await textOf(nn.sequential(nn.linear(4, 8), nn.relu(), nn.linear(8, 2, { bias: false })), [4]);
  expect(text).toBe(`"""The model and its loss, written by tilegrad."""

from torch import nn


class Model(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(4, 8),
            nn.ReLU(),
            nn.Linear(8, 2, bias=False),
        )


def build():
    """A new model."""
    return Model()


def loss(model, x, y):
    h1 = model(x) - y
    return (h1 * h1).mean()
`);
});

test("an op of the user's is refused, also one that is called like the library's", () => {
  const twice = elementwise("relu", { inputs: ["x"], wgsl: "x + x", reference: (x) => x + x });
  expect(() => torchFunction({ y: twice(input("x", [2])) })).toThrow("op relu");
  expect(torchFunction({ y: relu(input("x", [2])) })).toContain("torch.relu(x)");
});

test("modules of the user's are classes with a forward, alike ones a single class", async () => {
  const blocks = custom({
    residual: (size: number) => {
      const [body, scale] = [nn.linear(size, size), variable(1, [size], { name: "scale" })];
      return nn.module((x) => add(x, mul(relu(body(x)), scale)), { body, scale });
    },
  });
  const model = nn.sequential({ first: blocks.residual(4), second: blocks.residual(4), head: nn.linear(4, 1) });
  expect(await textOf(model, [4])).toContain(`
class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.empty((4,)))

    def forward(self, x):
        return x + torch.relu(self.body(x)) * self.scale


class Model(nn.Sequential):
    def __init__(self):
        super().__init__(OrderedDict([
            ("first", Residual()),
            ("second", Residual()),
            ("head", nn.Linear(4, 1)),
        ]))
`);
});

test("what is frozen stays so, and functions return what they name", async () => {
  const model = nn.sequential(nn.linear(4, 3), nn.tanh(), nn.linear(3, 2));
  nn.freeze(model, "0");
  const functions = { both: ({ x }: Inputs) => ({ scores: model(x!), halves: mul(model(x!), 0.5) }) };
  const text = await textOf(model, [4], { functions });
  expect(text).toContain('model.get_parameter("0.weight").requires_grad_(False)');
  expect(text).not.toContain('model.get_parameter("2.weight")');
  expect(text).toContain('def both(model, x, y):\n    return {"scores": model(x), "halves": model(x) * 0.5}');
});

test("sizes that depend on the batch are written in terms of it", async () => {
  const model = nn.module((x) => reshape(mul(x, cast(iota(x.shape, 0), "f32")), [x.shape[0]! * 2, 3]), {
    inner: nn.relu(),
  });
  const head = nn.linear(6, 1);
  const text = exportTorch(engine, {
    model: { model, head },
    inputs: { x: [6], y: [6] },
    loss: ({ x, y }) => add(mean(model(x!)), mean(head(y!))),
    optimizer: optimizer(),
  }).then((files) => files["model.py"] as string);
  expect(await text).toContain(
    "h1 = torch.arange(x.shape[0], device=x.device).reshape(-1, 1).expand(x.shape[0], 6).float()",
  );
  expect(await text).toContain("return (x * h1).reshape(-1, 3)");
});

test("what cannot be written is refused by name, all of it at once", async () => {
  const odd = elementwise("odd", { inputs: ["x"], wgsl: "x * x", reference: (x) => x * x, gradient: (dy) => [dy] });
  const model = nn.sequential({
    half: nn.conv1d(2, 2, 2, { padding: [1, 0] }),
    odd: nn.module((x) => odd(x), { unused: nn.linear(1, 1) }),
    mixed: nn.mixedPrecision(nn.linear(4, 4)),
  });
  const outside = nn.linear(4, 1);
  const text = exportTorch(engine, {
    model,
    inputs: { x: [2, 4] },
    // The loss of a mean by hand, over a fixed number of samples.
    loss: ({ x }) => mul(sum(outside(model(x!, { training: true }))), 1 / x!.shape[0]! ** 2),
    optimizer: optim.adam({ schedule: optim.cosineWarmRestarts({ t0: 3, tMult: 2 }) }),
  });
  await expect(text).rejects.toThrow("exportTorch: cannot write 7 things for PyTorch");
  for (const what of [
    'layer "mixed" (nn.mixedPrecision)',
    'part "half", whose name',
    "op odd in layer",
    "padding [1,0], which differs between both sides",
    "layer linear, which a function calls but which is no part of the model",
    "a number that depends on the size of the batch",
    "schedule: op restOfCycle",
  ])
    await expect(text, what).rejects.toThrow(what);
});

test("options are checked", async () => {
  const model = nn.linear(2, 1);
  const good = { model, inputs: { x: [2] }, loss: ({ x }: Inputs) => mean(model(x!)), optimizer: optimizer() };
  const refusing = (more: object) => expect(exportTorch(engine, { ...good, ...more } as never)).rejects;
  await refusing({ model: 3 }).toThrow("exportTorch: model is 3, expected a module");
  await refusing({ loss: () => 3 }).toThrow("exportTorch: what loss returns is 3");
  await refusing({ inputs: { "a b": [2] } }).toThrow('exportTorch: input "a b" has no name that Python takes');
  await refusing({ data: { y: { data: new Float32Array(2), shape: [1, 2] } } }).toThrow('exportTorch: data has no "x"');
});

describe("a graph as a function", () => {
  test("has its inputs and variables as arguments", () => {
    const w = variable(new Float32Array(6), [2, 3], { name: "w" });
    const loss = crossEntropy(add(mul(input("x", [2, 3]), w), 1), input("y", [2], "i32"));
    expect(torchFunction({ loss }, "step")).toBe(`"""A function of tensors, written by tilegrad."""

import torch.nn.functional as F


def step(x, y, weights):
    return {"loss": F.cross_entropy(x * weights["w"] + 1.0, y)}
`);
  });
});

import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { drawnBy } from "../../src/data/draw.ts";
import type { ExportedProgram } from "../../src/exported/format.ts";
import {
  AttributeError,
  argmax,
  exportPrograms,
  input,
  losses,
  nn,
  optim,
  relu,
  type TensorData,
  type Variable,
  variable,
} from "../../src/index.ts";
import { gpu, software } from "../adapters.ts";

/** Programs that train one model and predict with it. */
function classifier() {
  nn.seed(3);
  const model = nn.sequential(nn.linear(6, 16), nn.relu(), nn.linear(16, 3));
  const loss = losses.crossEntropy(model(input("x", [8, 6])), input("y", [8], "i32"));
  const optimizer = optim.adam();
  const train = { outputs: { loss }, updates: optimizer.minimize(loss) };
  const predict = { outputs: { guess: argmax(model(input("x", [1, 6])), 1) } };
  return { model, optimizer, train, predict };
}

const labels = ({ calls }: ExportedProgram): string[] => calls.map(({ label }) => label);

test("exported programs are JSON", () => {
  const { model, train, predict } = classifier();
  const exported = exportPrograms({ train, predict }, { variables: nn.stateDict(model) });
  const text = JSON.stringify(exported);
  expect(JSON.parse(text)).toEqual(exported);
  expect(exported.names).toEqual({ "0.weight": 0, "0.bias": 1, "2.weight": 2, "2.bias": 3 });
});

test("each target has the kernels compiled for it", () => {
  const { train } = classifier();
  const targets = [gpu, software, { ...gpu, maxStorageBuffers: 4 }];
  const exported = exportPrograms({ train }, { targets });
  const lists = exported.targets.map(({ programs }) => programs["train"]!);
  targets.forEach((traits, i) => {
    const { calls } = compile(train, traits);
    expect(lists[i]!.calls.map(({ kernel }) => exported.kernels[kernel])).toEqual(calls.map(({ wgsl }) => wgsl));
    expect(labels(lists[i]!)).toEqual(calls.map(({ label }) => label));
    expect(exported.targets[i]!.needs).toMatchObject({
      cpu: traits.cpu,
      maxStorageBuffers: Math.max(...calls.map(({ bindings }) => bindings.length)),
    });
  });
  expect(lists[2]!.calls.length).toBeGreaterThan(lists[0]!.calls.length);
  expect(new Set(exported.kernels).size).toBe(exported.kernels.length);
});

test("programs share variables, and targets too", () => {
  const { model, train, predict } = classifier();
  const { targets, variables, arenas } = exportPrograms({ train, predict }, { variables: nn.stateDict(model) });
  for (const { programs } of targets) {
    expect(programs["train"]!.variables).toEqual([...variables.keys()]);
    expect(programs["predict"]!.variables).toEqual([0, 1, 2, 3]);
  }
  expect(arenas.filter(({ role }) => role === "parameters")).toHaveLength(1);
});

test("a trained variable needs a value, by variable and not by name", () => {
  const { model, predict } = classifier();
  const weight = model.variables.get("0.weight")!;
  const values = weight.initial;
  weight.changed();
  const wanted = /^variable "0.weight" was trained, .*: pass it to exportPrograms in `values`, a Map from variables/;
  expect(() => exportPrograms({ predict })).toThrow(wanted);
  const byName = new Map([["0.weight", values]]) as unknown as Map<Variable, TensorData>;
  expect(() => exportPrograms({ predict }, { values: byName })).toThrow(
    'exportPrograms: values: a key is "0.weight", expected a variable',
  );
  const { variables } = exportPrograms({ predict }, { values: new Map([[weight, values]]) });
  expect(variables.find(({ name }) => name === "0.weight")!.initial).toHaveProperty("bytes");
});

test("first values are drawn again, filled, or stored", () => {
  const { model, train } = classifier();
  const changed = model.variables.get("2.weight")!;
  const values = changed.initial;
  values[7]! += 1;
  const { variables } = exportPrograms({ train }, { values: new Map([[changed, values]]) });
  const [weight, bias, second, , lr, step] = variables.map(({ initial }) => initial);
  expect(weight).toEqual({ drawing: { distribution: "uniform", scale: 1 / Math.sqrt(6), seed: 3, stream: 0 } });
  expect(bias).toHaveProperty("drawing");
  expect(second).toHaveProperty("bytes");
  const bytes = Uint8Array.from(atob((second as { bytes: string }).bytes), (c) => c.charCodeAt(0));
  expect(new Float32Array(bytes.buffer)).toEqual(values);
  expect(lr).toEqual({ fill: Math.fround(0.001) });
  expect(step).toEqual({ fill: 0 });
});

test.each([
  ["a negative zero", new Float32Array([-0, -0])],
  ["NaN", new Float32Array([Number.NaN, Number.NaN])],
  ["infinities", new Float32Array([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])],
  ["different numbers", new Float32Array([1, 2])],
])("%s survives JSON", (_, values) => {
  const exported = exportPrograms({ read: { outputs: { a: variable(values, [2]) } } });
  const [{ initial }] = JSON.parse(JSON.stringify(exported)).variables;
  const bytes = Uint8Array.from(atob(initial.bytes), (c) => c.charCodeAt(0));
  expect([...new Float32Array(bytes.buffer)]).toEqual([...values]);
});

test("numbers are drawn from their description", () => {
  nn.seed(7);
  const makers = { uniform: nn.init.uniform(0.5), normal: nn.init.normal(0.5) };
  for (const [distribution, make] of Object.entries(makers)) {
    const weight = variable(make([1000]), [1000]);
    const [{ initial }] = JSON.parse(JSON.stringify(exportPrograms({ read: { outputs: { weight } } }))).variables;
    expect(initial.drawing).toMatchObject({ distribution, scale: 0.5, seed: 7 });
    expect(drawnBy(initial.drawing, 1000).values()).toEqual(weight.initial);
  }
});

test("a variable without a program keeps its name, and has no home", () => {
  const { train } = classifier();
  const other = variable(new Float32Array([1, 1]), [2], { name: "other" });
  const { names, variables } = exportPrograms({ train }, { variables: new Map([["other", other]]) });
  expect(variables[names["other"]!]).toEqual({
    name: "other",
    group: "parameters",
    shape: [2],
    dtype: "f32",
    initial: { fill: 1 },
  });
});

test("features are needed only by programs that use them", () => {
  const plain = { outputs: { y: relu(input("x", [4, 6])) } };
  const features = new Set(["shader-f16", "subgroups", "timestamp-query"]);
  const half = nn.mixedPrecision(nn.linear(6, 2));
  const predict = { outputs: { y: half(input("x", [4, 6])) } };
  const needed = (descriptions: Parameters<typeof exportPrograms>[0]) =>
    exportPrograms(descriptions, { targets: [{ features }] }).targets[0]!.needs.features;
  expect(needed({ plain })).toEqual([]);
  expect(needed({ predict })).toEqual(["shader-f16"]);
  expect(() => exportPrograms({ predict })).toThrow(/f16/);
});

test("there must be a target", () => {
  const { train } = classifier();
  expect(() => exportPrograms({ train }, { targets: [] })).toThrow(
    new AttributeError("exportPrograms: no targets, expected at least one"),
  );
});

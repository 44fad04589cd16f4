import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { guard } from "../../src/compile/guard.ts";
import * as graph from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { grad, input, losses, nn, optim, type Tensor, type TilegradError, variable } from "../../src/index.ts";
import { gpu, software } from "../adapters.ts";

/** Names of a model's variables as saved; each must equal the variable's own name. */
function namesOf({ variables }: Pick<nn.Module, "variables">): string[] {
  const names = [...variables.keys()];
  expect([...variables.values()].map(({ name }) => name)).toEqual(names);
  return names;
}

describe("variables are named by their paths", () => {
  test("in sequences, by position and by name, nested", () => {
    expect(namesOf(nn.linear(2, 3))).toEqual(["weight", "bias"]);
    expect(namesOf(nn.sequential(nn.linear(2, 3), nn.relu(), nn.linear(3, 1, { bias: false })))).toEqual([
      "0.weight",
      "0.bias",
      "2.weight",
    ]);
    const inner = nn.sequential({ conv1: nn.conv2d(1, 2, 3), norm: nn.batchNorm2d(2) });
    expect(namesOf(nn.sequential({ body: nn.sequential(inner, nn.flatten()), head: nn.linear(2, 1) }))).toEqual([
      ...["weight", "bias"].map((name) => `body.0.conv1.${name}`),
      ...["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map((name) => `body.0.norm.${name}`),
      "head.weight",
      "head.bias",
    ]);
  });

  test("in attention, encoder and recurrent layers", () => {
    const model = nn.sequential({
      embed: nn.embedding(5, 4),
      block: nn.transformerEncoderLayer(4, 2, { feedforward: 8 }),
      lstm: nn.lstm(4, 3, { bidirectional: true }).output,
    });
    const names = namesOf(model);
    expect(names).toContain("embed.weight");
    expect(names).toContain("block.self_attn.in_proj_weight");
    expect(names).toContain("block.self_attn.out_proj.bias");
    expect(names).toContain("block.norm2.weight");
    expect(names).toContain("lstm.weight_hh_l0_reverse");
    expect(namesOf(nn.sequential({ attention: nn.multiheadAttention(4, 2) }))).toContain("attention.out_proj.weight");
  });

  test("in users' compositions of variables, layers, and objects and lists of them", () => {
    const scale = variable(new Float32Array(1), [], { name: "anything" });
    const parts = { scale, conv: nn.conv2d(1, 1, 3), blocks: [nn.linear(2, 2), nn.sequential(nn.linear(2, 2))] };
    const model = nn.module((x) => t.mul(x, scale), parts);
    expect(namesOf(model)).toEqual([
      "scale",
      ...["conv", "blocks.0", "blocks.1.0"].flatMap((path) => [`${path}.weight`, `${path}.bias`]),
    ]);
    const only = variable(new Float32Array(1), []);
    expect(namesOf(nn.module((x) => t.mul(x, only), new Map([["only", only]])))).toEqual(["only"]);
    const [generator, critic] = [nn.sequential(nn.linear(1, 1)), nn.sequential(nn.linear(1, 1))];
    const all = nn.stateDict({ generator, critic });
    expect([...all.keys()]).toEqual(["generator", "critic"].flatMap((name) => [`${name}.0.weight`, `${name}.0.bias`]));
    expect([...all.values()].map(({ name }) => name)).toEqual([...all.keys()]);
    expect(() => nn.module((x) => x, { conv: 5 as never })).toThrow('nn.module: "conv" is 5, expected variables');
  });

  test("a layer of two models keeps the path in the first, which grows with that model", () => {
    const shared = nn.sequential(nn.linear(2, 2));
    const first = nn.sequential({ encoder: shared, decoder: nn.linear(2, 2) });
    const second = nn.sequential({ body: shared, head: nn.linear(2, 1) });
    expect([...second.variables.keys()].slice(0, 2)).toEqual(["body.0.weight", "body.0.bias"]);
    expect(namesOf(first).slice(0, 2)).toEqual(["encoder.0.weight", "encoder.0.bias"]);
    nn.stateDict({ first, second });
    expect([...second.variables.values()].map(({ name }) => name)).toEqual([
      ...["first.encoder.0.weight", "first.encoder.0.bias"],
      ...["second.head.weight", "second.head.bias"],
    ]);
  });

  test("and so are moments, sums of gradients, mixed precision's casts, and exported variables", () => {
    const model = nn.sequential(nn.linear(2, 3), nn.relu(), nn.linear(3, 1));
    const mixed = nn.mixedPrecision(model);
    expect(namesOf(mixed)).toEqual(namesOf(model));
    const loss = losses.mse(model(input("x", [4, 2])), input("y", [4, 1]));
    const optimizer = optim.adam();
    const updates = optimizer.minimize(loss);
    const state = optimizer.state(model.variables);
    for (const [path, { name }] of state) expect(name).toBe(path);
    expect([...state.keys()]).toContain("2.weight.exp_avg_sq");
    expect(optim.accumulator([...model.variables.values()]).sums.map(({ name }) => name)).toContain("0.bias.grad");
    const file = t.exportPrograms({ step: { outputs: { loss }, updates } }, { variables: nn.stateDict(model) });
    expect(file.variables.map(({ name }) => name)).toContain("0.weight.exp_avg");
    for (const [path, i] of Object.entries(file.names)) expect(file.variables[i]!.name).toBe(path);
    // All have distinct names in the printed graph and in errors.
    const { stages } = compile({ outputs: { loss }, updates }, gpu);
    for (const text of [stages.built(), stages.simplified(), stages.fused()]) {
      expect(text).toContain('variable() {name: "0.weight"}');
      expect(text).toMatch(/^2\.bias\.exp_avg' -> /m);
    }
    const weight = model.variables.get("2.weight")!;
    expect(() => compile({ updates: [[weight, t.full([2], 0)]] }, gpu)).toThrow('variable "2.weight" is [1, 3]');
  });
});

describe("kernels know their layer", () => {
  const layersOf = (outputs: Record<string, Tensor>, traits = gpu): string[][] =>
    compile({ outputs }, traits, new Map(), { merge: false }).calls.map(({ label, layer = "" }) => [
      label.replace(/[[+:].*/, ""),
      layer,
    ]);
  const model = nn.sequential(
    nn.linear(8, 16),
    nn.relu(),
    nn.sequential({ out: nn.linear(16, 4), soft: nn.softmax() }),
  );
  const x = input("x", [64, 8]);

  test("in sequences", () => {
    expect(layersOf({ y: model(x) })).toEqual([
      ["matmul", "0"],
      ["matmul", "2.out"],
      ["softmax", "2.soft"],
    ]);
    expect(layersOf({ y: t.exp(x) })).toEqual([["exp", ""]]);
    expect(layersOf({ y: nn.sequential({ only: nn.relu() })(x) })).toEqual([["relu", "only"]]);
  });

  test("a gradient has the layer of the node it differentiates", () => {
    const loss = losses.mse(model(x), input("t", [64, 4]));
    const names = layersOf(Object.fromEntries(grad(loss, [...model.variables.values()]).map((dw, i) => [`g${i}`, dw])));
    expect(names.filter(([label]) => label === "matmul").map(([, layer]) => layer)).toEqual(
      expect.arrayContaining(["0", "2.out"]),
    );
    expect(names.filter(([label]) => label === "softmaxGrad")).toEqual([["softmaxGrad", "2.soft"]]);
    expect(names.filter(([label, layer]) => label === "matmul" && layer === "")).toEqual([]);
    const merged = compile({ outputs: { loss }, updates: optim.adam().minimize(loss) }, gpu).calls;
    expect(merged.filter(({ label }) => label.startsWith("adam")).map(({ layer }) => layer)).toEqual([""]);
  });

  test("in users' own modules, in attention and in recurrent layers", () => {
    const parts = { body: nn.sequential(nn.linear(8, 16)), head: nn.linear(16, 4) };
    const own = nn.module((x) => t.softmax(parts.head(t.relu(parts.body(x)))), parts);
    const called = [
      ["matmul", "body.0"],
      ["matmul", "head"],
    ];
    expect(layersOf({ y: own(x) })).toEqual([...called, ["softmax", ""]]);
    const net = nn.sequential({ net: own, act: nn.sigmoid() });
    const within = [...called.map(([label, layer]) => [label, `net.${layer}`]), ["softmax", "net"], ["sigmoid", "act"]];
    expect(layersOf({ y: net(x) })).toEqual(within);
    const block = nn.sequential({ block: nn.transformerEncoderLayer(8, 2, { feedforward: 16 }) });
    const layers = new Set(layersOf({ y: block(input("s", [2, 16, 8])) }).map(([, layer]) => layer));
    for (const name of ["self_attn", "self_attn.out_proj", "linear1", "linear2", "norm1", "norm2"])
      expect(layers).toContain(`block.${name}`);
    const lstm = nn.sequential({ first: nn.lstm(8, 4).output, rest: nn.linear(4, 1) });
    expect(new Set(layersOf({ y: lstm(input("s", [16, 2, 8])) }).map(([, layer]) => layer))).toEqual(
      new Set(["first", "rest"]),
    );
  });

  test("a layer of two models reports where it is applied", () => {
    const shared = nn.linear(8, 8);
    const first = nn.sequential({ encoder: shared });
    const second = nn.sequential({ body: shared });
    expect(layersOf({ y: first(x) })).toEqual([["matmul", "encoder"]]);
    expect(layersOf({ y: second(x) })).toEqual([["matmul", "body"]]);
    // Work that both need is done once.
    expect(layersOf({ a: first(x), b: second(x) })).toHaveLength(1);
  });

  test("in mixed precision, and in exported programs", () => {
    const half = { ...gpu, features: new Set(["shader-f16"]) };
    const layers = layersOf({ y: nn.mixedPrecision(model)(x) }, half).map(([, layer]) => layer);
    expect(layers).toEqual(expect.arrayContaining(["0", "2.out", "2.soft"]));
    const { targets } = t.exportPrograms({ p: { outputs: { y: model(x) } } });
    expect(targets[0]!.programs["p"]!.calls.map(({ layer }) => layer)).toContain("2.out");
  });

  test("a merged dispatch names all its layers, and the NaN check that of each store", () => {
    const small = nn.sequential(nn.linear(3, 4), nn.linear(4, 3));
    const [a, b] = [input("a", [2, 3]), input("b", [2, 3])];
    const outputs = { y: small(a), z: nn.sequential({ other: nn.linear(3, 3) })(b) };
    const { calls } = compile({ outputs }, software);
    expect(calls.map(({ layer }) => layer)).toContain("1 | other");
    const { stores } = compile({ outputs }, gpu, new Map(), { guard }).guard!;
    expect(stores.map(({ layer }) => layer).sort()).toEqual(["0", "1", "other"]);
    const weight = variable(new Float32Array(64), [64], { name: "w" });
    const other = variable(new Float32Array(64), [64], { name: "v" });
    const updates = [weight, other].map((v) => [v, t.mul(v, 2)] as const);
    const watched = compile({ updates }, gpu, new Map(), { guard }).guard!;
    expect(watched.stores.map(({ role }) => role).sort()).toEqual(["v", "w"]);
  });
});

describe("errors name the layer being applied", () => {
  const failing = (run: () => unknown): TilegradError => {
    try {
      run();
    } catch (error) {
      return error as TilegradError;
    }
    throw new Error("nothing was thrown");
  };

  test("the innermost, in message and stack", () => {
    const model = nn.sequential({ body: nn.sequential(nn.linear(8, 16), nn.linear(8, 4)) });
    const error = failing(() => model(input("x", [2, 8])));
    expect(error).toBeInstanceOf(t.ShapeError);
    expect(error.message).toMatch(/^linear: .*, in layer "body\.1"$/);
    expect(error.stack).toContain('in layer "body.1"');
    expect(failing(() => nn.sequential(nn.relu())(input("i", [2], "i32"))).message).toContain('in layer "0"');
  });

  test("none outside of layers, also after an error", () => {
    const error = failing(() => t.add(input("a", [2]), input("b", [3])));
    expect(error.message).not.toContain("in layer");
    expect(failing(() => nn.linear(8, 4)(input("x", [2, 3]))).message).not.toContain("in layer");
  });

  test("the refusal to train in evaluation also names it", () => {
    const model = nn.sequential(nn.linear(8, 4), nn.dropout());
    const loss = t.sum(model(input("x", [2, 8])));
    expect(() => optim.adam().minimize(loss)).toThrow('goes through nn.dropout in layer "1" in evaluation mode');
  });

  test("errors of gradients and of compiling do, too", () => {
    const odd = { name: "odd", infer: ([x]: readonly Tensor[]) => [x!], vjp: () => [t.full([1], 0)] };
    const { applyAll } = graph;
    const layer = nn.sequential({ odd: nn.module((x) => applyAll(odd, [x])[0]!) });
    const x = input("x", [3]);
    expect(() => grad(t.sum(layer(x)), [x])).toThrow(/gradient of odd .*, in layer "odd"$/);
    const lower = (): never => {
      throw new t.LimitError("odd: too large");
    };
    const unknown = { ...odd, kernels: { lower } };
    const other = nn.sequential({ other: nn.module((x) => applyAll(unknown, [x])[0]!) });
    expect(() => compile({ outputs: { y: other(x) } }, gpu)).toThrow('odd: too large, in layer "other"');
  });
});

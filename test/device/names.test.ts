import { afterAll, beforeAll, expect, test } from "vitest";
import { load } from "../../src/exported/index.ts";
import { apply } from "../../src/graph/tensor.ts";
import { Engine, exp, exportPrograms, input, nn } from "../../src/index.ts";
import { pointwiseOp } from "../../src/ops/pointwise/pointwise.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const x = input("x", [2, 3]);

test("kernels report their layer and the variables they bind, also when compiled ahead of time", async () => {
  const model = nn.sequential({ body: nn.linear(3, 4), head: nn.softmax() });
  const program = await engine.compile({ outputs: { y: model(x) } });
  const { kernels } = program.inspect();
  expect(kernels.map(({ layer }) => layer)).toEqual(["body", "head"]);
  expect(kernels[0]!.bindings.map(({ role }) => role)).toEqual(expect.arrayContaining(["body.weight", "body.bias"]));
  const file = exportPrograms({ p: { outputs: { y: model(x) } } }, { variables: nn.stateDict(model) });
  const { programs, variables } = await load<{ p: "y" }>(engine, JSON.parse(JSON.stringify(file)));
  expect(programs.p.inspect().kernels.map(({ layer }) => layer)).toEqual(["body", "head"]);
  for (const [path, { name }] of variables) expect(name).toBe(path);
});

test("errors of the GPU and of the NaN check name the layer", async () => {
  const op = pointwiseOp("broken", { wgsl: (a) => `nonsense(${a})`, js: (a) => a });
  const broken = nn.sequential({ act: nn.module((x) => apply(op, [x])) });
  await expect(engine.compile({ outputs: { y: broken(x) } })).rejects.toThrow(/^kernel "broken.*" in layer "act" \(/);
  const large = nn.sequential({ grow: nn.module((x) => exp(x)) });
  const program = await engine.compile({ outputs: { y: large(x) } }, { checkFinite: true });
  await expect(program.compute({ x: new Float32Array(6).fill(200) })).rejects.toThrow(
    /in kernel "exp.*" in layer "grow", in what/,
  );
});

import { expect, test } from "vitest";
import { type Description, Engine, input, losses, nn, optim } from "../../src/index.ts";
import { type Costs, summary } from "../../src/model/index.ts";

test("a summary agrees with what the engine compiles, for evaluation and training", async () => {
  const engine = await Engine.create();
  const model = nn.sequential({
    body: nn.sequential(nn.conv2d(1, 4, 3), nn.batchNorm2d(4), nn.relu(), nn.maxPool2d(2), nn.flatten()),
    head: nn.linear(4 * 13 * 13, 10),
  });
  const x = input("x", [2, 1, 28, 28]);
  const loss = losses.crossEntropy(model(x, { training: true }), input("y", [2], "i32"));
  const training = { outputs: { loss }, updates: optim.adam().minimize(loss) };
  const { layers, evaluation, ...all } = summary(model, [2, 1, 28, 28], { traits: engine.traits, training });

  const program = await engine.compile({ outputs: { y: model(x) } }, { merge: false });
  const { kernels } = program.inspect();
  expect(evaluation.kernels).toBe(kernels.length);
  expect(evaluation.operations).toBe(kernels.reduce((sum, { flops }) => sum + flops, 0));
  for (const path of ["body.0", "body.1", "body.3", "head"]) {
    const own = kernels.filter(({ layer }) => layer === path);
    const row = layers.find((layer) => layer.path === path)!;
    expect([path, row.kernels, row.operations]).toEqual([
      path,
      own.length,
      own.reduce((sum, { flops }) => sum + flops, 0),
    ]);
  }
  program.destroy();
  engine.destroy();

  // In an engine of its own, where no other program has given the variables their places.
  const described: readonly (readonly [Costs, Description])[] = [
    [evaluation, { outputs: { y: model(x) } }],
    [all.training!, training],
  ];
  for (const [costs, description] of described) {
    const fresh = await Engine.create();
    const compiled = await fresh.compile(description);
    expect(compiled.memory).toEqual(costs.memory);
    expect(compiled.inspect().kernels.length).toBe(costs.dispatches);
    fresh.destroy();
  }
});

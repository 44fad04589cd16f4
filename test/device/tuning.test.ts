import { afterAll, beforeAll, expect, test } from "vitest";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { Engine, type Finding, grad, input, losses, matmul, nn, relu, type TuningStore } from "../../src/index.ts";
import { matmulFamily } from "../../src/kernels/matmul.ts";
import { memoryStore } from "../../src/store/index.ts";

let device: GPUDevice;
beforeAll(async () => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const requiredFeatures = (["subgroups"] as const).filter((name) => adapter.features.has(name));
  device = await adapter.requestDevice({ requiredFeatures });
});
afterAll(() => device.destroy());

/** The winners that a store holds, by adapter. */
const keptIn = async (store: TuningStore): Promise<Record<string, Readonly<Record<string, string>>>> =>
  JSON.parse(new TextDecoder().decode(await store.read("tuning.json")));

// On a CPU adapter, some variants take a second to compile.
const timeout = 120_000;
const feeds = {
  a: Float32Array.from({ length: 32 * 20 }, (_, i) => Math.sin(i)),
  b: Float32Array.from({ length: 20 * 48 }, (_, i) => Math.cos(i)),
};
const product = { outputs: { y: matmul(input("a", [32, 20]), input("b", [20, 48])) } };
const used = async (engine: Engine) => (await engine.compile(product)).inspect().kernels[0]!.variant;

test("measures unknown problems once, and uses the results from then on", { timeout }, async () => {
  const store = memoryStore();
  const engine = await Engine.create({ device, tuningStore: store });
  const ruled = await engine.compile(product);
  await ruled.run(feeds);
  const findings: Finding[] = [];
  const tuned = await engine.compile(product, { tune: (finding) => findings.push(finding) });

  const [{ problem, variant, ms }] = findings as [Finding];
  expect(findings).toHaveLength(1);
  expect(problem).toBe("matmul m=32 n=48 k=20 batches=1 type=f32 layout=kn");
  expect(Object.keys(ms)).toEqual(expect.arrayContaining(["direct1x4", "direct4x4"]));
  const times = Object.values(ms);
  expect(times.every((time) => time !== null && time > 0)).toBe(true);
  expect(ms[variant]).toBe(Math.min(...(times as number[])));
  const [kernel] = tuned.inspect().kernels;
  expect(kernel!.variant).toBe(variant);
  const [choice] = kernel!.choices!;
  expect(choice).toMatchObject({ problem, chosen: variant, by: "measurement" });
  expect(ruled.inspect().kernels[0]!.choices![0]).toMatchObject({ problem, by: "score" });
  const again = (await engine.compile(product)).inspect().kernels[0]!.choices![0]!.variants;
  expect(again.find((candidate) => candidate.variant === variant)!.ms).toBe(ms[variant]);
  expect(again.find((candidate) => candidate.variant === "naive")).toEqual({ variant: "naive", score: -1 });
  await tuned.run(feeds);
  const [y, wanted] = [await tuned.outputs.y.data(), await ruled.outputs.y.data()];
  expect(Math.max(...y.map((value, i) => Math.abs(value - wanted[i]!)))).toBeLessThan(1e-5);

  expect(engine.tuning.winners).toEqual({ [problem]: variant });
  expect(await keptIn(store)).toEqual({ [engine.adapter]: { [problem]: variant } });
  await engine.compile(product, { tune: (finding) => findings.push(finding) });
  const next = await Engine.create({ device, tuningStore: store });
  await next.compile(product, { tune: (finding) => findings.push(finding) });
  expect(findings).toHaveLength(1);
  expect(await used(next)).toBe(variant);
});

test.skipIf(!globalThis.indexedDB)("a browser remembers in IndexedDB", { timeout }, async () => {
  const findings: Finding[] = [];
  const tune = (finding: Finding) => findings.push(finding);
  const engine = await Engine.create({ device });
  await engine.compile(product, { tune });
  expect(findings).toHaveLength(1);
  const next = await Engine.create({ device });
  expect(next.tuning.winners).toEqual({});
  await next.compile(product, { tune });
  expect(findings).toHaveLength(1);
  expect(next.tuning.winners).toEqual(engine.tuning.winners);
  await next.tuning.clear();
});

test("winners can be added and forgotten, and may name unknown variants", { timeout }, async () => {
  const problem = "matmul m=32 n=48 k=20 batches=1 type=f32 layout=kn";
  const store = memoryStore();
  const engine = await Engine.create({ device, tuningStore: store });
  const ruled = await used(engine);
  engine.tuning.add({ [problem]: "naive" });
  expect(await used(engine)).toBe("naive");
  engine.tuning.add({ [problem]: "of another version" });
  expect(await used(engine)).toBe(ruled);
  await engine.tuning.clear();
  expect(engine.tuning.winners).toEqual({});
  expect(await keptIn(store)).toEqual({ [engine.adapter]: {} });
});

test("a variant with wrong results does not win, however fast", { timeout }, async () => {
  const planted = matmulFamily.variants as unknown as { name: string; write: (p: never, traits: never) => Kernel }[];
  const tile = planted.find(({ name }) => name === "direct4x4")!;
  planted.push({
    ...tile,
    name: "planted",
    write(p, traits) {
      const kernel = tile.write(p, traits);
      return { ...kernel, body: kernel.body.replace("q < STEPS", "q < STEPS - 1u") };
    },
  });
  try {
    const engine = await Engine.create({ device, tuningStore: memoryStore() });
    const findings: Finding[] = [];
    const program = await engine.compile(product, { tune: (finding) => findings.push(finding) });
    expect(findings[0]!.ms["planted"]).toBeNull();
    expect(program.inspect().kernels[0]!.variant).not.toBe("planted");
  } finally {
    planted.pop();
  }
});

test("a training step is tuned kernel by kernel, including gradients with partial sums", {
  timeout: 600_000,
}, async () => {
  nn.seed(1);
  const model = nn.sequential(nn.conv2d(1, 4, 3), nn.flatten(), nn.linear(4 * 36, 3));
  const loss = losses.crossEntropy(relu(model(input("x", [4, 1, 8, 8]))), input("y", [4], "i32"));
  const weights = [...nn.stateDict(model).values()];
  const description = { outputs: { loss, dw: grad(loss, weights)[0]! } };
  const engine = await Engine.create({ device, tuningStore: memoryStore() });
  const fed = { x: Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i)), y: new Int32Array([0, 1, 2, 0]) };
  const results = async (tune: boolean) => {
    const program = await engine.compile(description, { tune });
    await program.run(fed);
    return [...(await program.outputs.loss.data()), ...(await program.outputs.dw.data())];
  };
  const wanted = await results(false);
  const got = await results(true);
  expect(got).toHaveLength(37);
  expect(Math.max(...got.map((value, i) => Math.abs(value - wanted[i]!)))).toBeLessThan(1e-5);
  const families = new Set(Object.keys(engine.tuning.winners).map((problem) => problem.split(" ")[0]));
  expect([...families]).toEqual(expect.arrayContaining(["conv2d", "conv2dWeightGrad", "matmul"]));
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, Runner } from "../../src/exported/index.ts";
import { reachable } from "../../src/graph/print.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import * as t from "../../src/index.ts";
import { Engine, type EngineOptions, exportPrograms, input, losses, nn, optim, type Tensor } from "../../src/index.ts";
import { convFamily } from "../../src/kernels/conv2d.ts";
import { weightGradFamily } from "../../src/kernels/conv2dWeightGrad.ts";
import { matmulFamily } from "../../src/kernels/matmul.ts";
import { maxPoolGradFamily } from "../../src/kernels/pool2d.ts";
import { evaluate } from "../../src/reference/index.ts";
import { wholeOf } from "../../src/selfcheck/registry.ts";
import { disguised, withFewWorkgroups } from "../forced.ts";
import { some } from "../place.ts";

/*
 * Grids too large for an axis of the adapter are folded over three axes, with surplus workgroups. Results are the
 * same bit for bit. Small problems test this on a device that reports very low limits; some large ones exceed any
 * adapter's limits.
 */

let device: GPUDevice;
beforeAll(async () => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const requiredFeatures = (["subgroups", "shader-f16"] as const).filter((name) => adapter.features.has(name));
  const { maxStorageBuffersPerShaderStage, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxStorageBuffersPerShaderStage, maxStorageBufferBindingSize };
  device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
});
afterAll(() => device.destroy());

type Outputs = Readonly<Record<string, Tensor>>;

/** Feeds for all inputs: eighths of both signs, and small integers. */
function feedsOf(outputs: Outputs): Record<string, Float32Array | Int32Array> {
  const inputs = reachable(Object.values(outputs)).filter(({ op }) => op.source === "input");
  return Object.fromEntries(
    inputs.map(({ attrs, results: [x] }) => {
      const values = new (x!.dtype === "i32" ? Int32Array : Float32Array)(sizeOf(x!.shape));
      for (let i = 0; i < values.length; i++)
        values[i] = x!.dtype === "i32" ? i % 3 : ((i * 7 + values.length) % 29) / 8 - 1.7;
      return [attrs["name"], values];
    }),
  );
}

/** The results of outputs on an engine of their own, and the kernels that computed them. */
async function results(outputs: Outputs, options: { [K in keyof EngineOptions]: EngineOptions[K] | undefined } = {}) {
  const engine = await Engine.create({ device, ...options } as EngineOptions);
  const program = await engine.compile({ outputs });
  await program.run(feedsOf(outputs));
  const values: Record<string, t.TensorData> = {};
  for (const [name, output] of Object.entries(program.outputs)) values[name] = await output.data();
  const { kernels } = program.inspect();
  engine.destroy();
  return { values, kernels };
}

const gradients = (y: Tensor, of: Outputs): Record<string, Tensor> => {
  const found = t.grad(t.sum(t.mul(y, y)), Object.values(of));
  return Object.fromEntries(Object.keys(of).map((name, i) => [`d${name}`, found[i]!]));
};

const sequence = (layer: typeof t.rnn, gates: number) => (): Outputs => {
  const x = input("x", [3, 40, 3]);
  const weights = {
    weightIh: input("weightIh", [gates * 16, 3]),
    weightHh: t.mul(input("weightHh", [gates * 16, 16]), 0.2),
  };
  const { output } = layer(x, [weights]);
  return { output, ...gradients(output, { x }) };
};

const ways = ["serial", "tree"];
/** Of kernels that need a line more than once. */
const keeping = [...ways, "kept"];
/** Small graphs that run the kernels of each family, with several workgroups each. */
const families: Readonly<Record<string, { readonly variants?: readonly string[]; readonly build: () => Outputs }>> = {
  matmul: {
    variants: wholeOf(matmulFamily).variants.map(({ name }) => name),
    build: () => ({
      y: t.relu(t.add(t.matmul(input("a", [5, 37, 21]), input("b", [21, 70])), input("bias", [70]))),
      // For `dots`.
      row: t.matmul(input("v", [1, 24]), t.transpose(input("w", [3000, 24]))),
    }),
  },
  reduce: {
    variants: ["serial", "columns", "tree", "tile"],
    build: () => ({
      rows: t.sum(input("x", [520, 12]), 1),
      columns: t.max(input("y", [3, 1040]), 0),
      long: t.mean(t.exp(input("z", [9001, 8])), 0),
    }),
  },
  pick: { variants: ways, build: () => ({ best: t.argmax(input("x", [520, 12]), 1) }) },
  softmax: {
    variants: keeping,
    build() {
      const [x, narrow] = [input("x", [330, 12]), input("narrow", [5, 3, 70])];
      const loss = t.softmaxCrossEntropy(x, input("labels", [330], "i32"));
      return {
        y: t.softmax(x),
        log: t.logSoftmax(narrow, 1),
        middle: t.softmax(narrow, 1),
        loss,
        ...gradients(loss, { x }),
      };
    },
  },
  softmaxGrad: {
    variants: keeping,
    build() {
      const x = input("x", [330, 12]);
      return Object.fromEntries(
        Object.entries(gradients(t.softmax(x), { x })).map(([name, dx]) => [name, t.mul(dx, x)]),
      );
    },
  },
  layerNorm: {
    variants: keeping,
    build() {
      const x = input("x", [330, 12]);
      const y = t.layerNorm(x, 12, { weight: input("weight", [12]), bias: input("bias", [12]) });
      return { y, rms: t.rmsNorm(x, 12), ...gradients(y, { x }) };
    },
  },
  squaredNorm: { variants: ways, build: () => ({ y: t.squaredNorm([input("x", [300_000]), input("z", [77])]) }) },
  conv2d: {
    variants: wholeOf(convFamily).variants.map(({ name }) => name),
    build() {
      const [x, w] = [input("x", [3, 4, 9, 10]), input("w", [6, 2, 3, 3])];
      const y = t.conv2d(x, w, input("bias", [6]), { groups: 2, stride: [1, 2], padding: 1 });
      return { y };
    },
  },
  conv2dWeightGrad: {
    variants: weightGradFamily.variants.map(({ name }) => name),
    build() {
      const [x, w, v] = [input("x", [5, 12, 9, 10]), input("w", [40, 6, 3, 3]), input("v", [12, 1, 3, 3])];
      return {
        ...gradients(t.conv2d(x, w, undefined, { groups: 2 }), { w }),
        ...gradients(t.conv2d(x, v, undefined, { groups: 12 }), { v }),
      };
    },
  },
  maxPool2dGrad: {
    variants: maxPoolGradFamily.variants.map(({ name }) => name),
    build() {
      const x = input("x", [4, 3, 20, 20]);
      const y = t.maxPool2d(x, 2);
      const { dx } = gradients(y, { x });
      return { y, dx: dx!, ...gradients(t.mul(dx!, input("v", [4, 3, 20, 20])), { v: dx!.node.inputs[0]! }) };
    },
  },
  embeddingGrad: {
    variants: ["rows", "positions", "sorted"],
    build() {
      const table = input("table", [200, 6]);
      const y = t.embedding(input("rows", [150], "i32"), table);
      return { y, ...gradients(y, { table }) };
    },
  },
  lstm: { variants: ["steps1", "quads", "walk", "walk4"], build: sequence(t.lstm, 4) },
  gru: { variants: ["steps1", "walk", "walk8"], build: sequence(t.gru, 3) },
  rnn: { variants: ["steps1", "steps4", "steps8", "quads", "walk", "walk4", "walk8"], build: sequence(t.rnn, 1) },
  elementwise: {
    build: () => ({ y: t.exp(t.add(input("x", [29, 71]), input("row", [71]))) }),
  },
  moves: {
    build() {
      const [x, at] = [input("x", [500, 3]), input("at", [500, 2], "i32")];
      return {
        padded: t.pad(x, { low: [1, 2], high: [0, 1], value: 3 }),
        joined: t.concat([x, t.flip(x, 1)], 1),
        gathered: t.gather(x, 1, at),
        scattered: t.scatterAdd(x, 1, at, input("source", [500, 2])),
        running: t.cumsum(x, 1),
      };
    },
  },
};

/** Variants that take seconds to compile on a CPU adapter: tested only with `VITE_ALL`. */
const isSlow = /tiled128|groupK|16x8|32x8|conv.*(tiled|halo)|steps4|steps8|(lstm|rnn)\/quads/;

const each = Object.entries(families)
  .flatMap(([family, { variants = [undefined], build }]) =>
    some(variants).map((variant) => ({ name: variant ? `${family}/${variant}` : family, family, variant, build })),
  )
  .filter(({ name }) => import.meta.env["VITE_ALL"] || !isSlow.test(name));

const quadsAreThere = () => device.features.has("subgroups");

describe("folded grids give the same bits", () => {
  test.each(each)("$name", async ({ family, variant, build }) => {
    if (variant?.startsWith("quad") && !quadsAreThere()) return;
    const outputs = build();
    const variants = variant ? { [family]: { ifFits: variant } } : {};
    const wanted = await results(outputs, { variants });
    const counts = wanted.kernels.map(({ workgroups: [x, y, z] }) => x * y * z);
    const most = Math.ceil(Math.cbrt(Math.max(...counts)));
    const got = await withFewWorkgroups(device, most, () => results(outputs, { variants }));
    expect(got.values).toEqual(wanted.values);
    expect(got.kernels.every(({ workgroups }) => workgroups.every((n) => n <= most))).toBe(true);
    const forced = got.kernels.filter((kernel) => !variant || (kernel.family === family && kernel.variant === variant));
    expect(forced.some(({ wgsl }) => wgsl.includes("workgroups, folded to"))).toBe(true);
  });

  /** Losses of some steps, and the weights after them. */
  async function train(options: EngineOptions): Promise<unknown> {
    nn.seed(5);
    const model = nn.sequential(nn.linear(20, 33), nn.tanh(), nn.layerNorm(33), nn.linear(33, 5));
    const loss = losses.crossEntropy(model(input("x", [70, 20])), input("label", [70], "i32"));
    const engine = await Engine.create(options);
    const step = await engine.compile({ outputs: { loss }, updates: optim.adam().minimize(loss) });
    const seen: unknown[] = [step.inspect().kernels.some(({ wgsl }) => wgsl.includes("workgroups, folded to"))];
    for (let i = 0; i < 3; i++) {
      await step.run(feedsOf({ loss }));
      seen.push(await step.outputs.loss.scalar());
    }
    for (const variable of nn.stateDict(model).values()) seen.push(await engine.read(variable));
    engine.destroy();
    return seen;
  }

  test.each([
    ["kernels that share a dispatch, and updates in place", {}],
    ["kernels that check for NaN", { checkFinite: true }],
  ])("%s", async (_, options) => {
    const [, ...wanted] = (await train({ device, ...options })) as unknown[];
    const got = await withFewWorkgroups(device, 5, () => train({ device, ...options }));
    expect(got).toEqual([true, ...wanted]);
  });

  test("merged kernels of a GPU, some with barriers", async () => {
    const x = input("x", [20, 130]);
    const outputs = { rows: t.sum(x, 1), best: t.max(x, 1), y: t.exp(x), scaled: t.mul(input("z", [300]), 3) };
    const posing = (limits: Partial<GPUSupportedLimits>) =>
      results(outputs, { device: undefined, gpu: disguised(navigator.gpu, limits) });
    const [wanted, got] = [await posing({}), await posing({ maxComputeWorkgroupsPerDimension: 4 })];
    expect(got.kernels.map(({ family }) => family)).toEqual(["merged"]);
    expect(got.kernels[0]!.wgsl).toContain("workgroups, folded to");
    expect(got.kernels[0]!.wgsl).toContain("workgroupBarrier");
    expect(got.values).toEqual(wanted.values);
  });

  test("measured kernels", async () => {
    await withFewWorkgroups(device, 4, async () => {
      const engine = await Engine.create({ device });
      const outputs = { y: t.sum(input("x", [30, 12]), 1) };
      const found: string[] = [];
      const program = await engine.compile({ outputs }, { tune: ({ ms }) => found.push(...Object.keys(ms)) });
      expect(found).toEqual(["serial"].concat(found.slice(1)));
      const feeds = feedsOf(outputs);
      await program.run(feeds);
      const { y } = evaluate(outputs, { inputs: feeds });
      expect([...(await program.outputs.y.data())]).toEqual(Array.from(y!.data, (value) => expect.closeTo(value, 4)));
      engine.destroy();
    });
  });
});

/** Compares values at some positions with those of plain JavaScript. */
const agree = (got: ArrayLike<number>, length: number, at: readonly number[], want: (i: number) => number) => {
  expect(got.length).toBe(length);
  for (const i of at) expect(got[i], `${i}`).toBeCloseTo(want(i), 4);
};

const meanOfFour = (values: ArrayLike<number>, i: number): number =>
  [0, 1, 2, 3].reduce((sum, k) => sum + values[4 * i + k]! / 4, 0);

describe("more workgroups than an axis holds", () => {
  const over = 65536;
  test.each([over - 1, over])("%i matrices, images and lines, one workgroup each", async (n) => {
    const [a, b, x] = [input("a", [n, 1, 2]), input("b", [n, 2, 3]), input("x", [n / 128, 128, 2, 2].map(Math.ceil))];
    const outputs = { y: t.matmul(a, b), mean: t.avgPool2d(x, 2), top: t.max(input("l", [n, 2]), 1) };
    const feeds = feedsOf(outputs);
    const { values } = await results(outputs, { variants: { "*": "tree" } });
    const last = [0, 1, 65534, n - 1];
    agree(
      values["y"]!,
      3 * n,
      last.flatMap((i) => [3 * i, 3 * i + 2]),
      (i) => {
        const [stack, column] = [Math.floor(i / 3), i % 3];
        return [0, 1].reduce(
          (sum, k) => sum + feeds["a"]![2 * stack + k]! * feeds["b"]![6 * stack + 3 * k + column]!,
          0,
        );
      },
    );
    agree(values["mean"]!, 65536, last, (i) => meanOfFour(feeds["x"]!, i));
    agree(values["top"]!, n, last, (i) => Math.max(...feeds["l"]!.subarray(2 * i, 2 * i + 2)));
  });

  test("a product of 4,194,241 rows with a vector", async () => {
    const rows = 65535 * 64 + 1;
    const outputs = { y: t.matmul(input("a", [rows, 3]), input("b", [3, 1])) };
    const feeds = feedsOf(outputs);
    const { values, kernels } = await results(outputs, { variants: { matmul: "direct1x4" } });
    expect(kernels[0]!.workgroups.every((size) => size <= 65535)).toBe(true);
    agree(values["y"]!, rows, [0, 1, 4194239, rows - 1], (i) =>
      [0, 1, 2].reduce((sum, k) => sum + feeds["a"]![3 * i + k]! * feeds["b"]![k]!, 0),
    );
  });

  test("programs compiled ahead of time", async () => {
    const x = input("x", [128, 512, 2, 2]);
    const outputs = { y: t.avgPool2d(x, 2) };
    const feeds = feedsOf(outputs);
    const runner = await Runner.create({ device });
    const { programs } = await load<{ pool: "y" }>(
      runner,
      JSON.parse(JSON.stringify(exportPrograms({ pool: { outputs } }))),
    );
    await programs.pool.run(feeds);
    agree((await programs.pool.outputs.y.data()) as Float32Array, 65536, [0, 65535], (i) => meanOfFour(feeds["x"]!, i));
    runner.destroy();
  });
});

test("unknown and unfit variants are refused by name", async () => {
  const create = (variants: NonNullable<EngineOptions["variants"]>) => Engine.create({ device, variants });
  await expect(create({ matmull: "naive" })).rejects.toThrow(
    'Engine.create: variants: there is no kernel family "matmull" (did you mean "matmul"?), only "elementwise", "matmul", "matmulPack", "matmulSum", "reduce",',
  );
  await expect(create({ conv2d: "nonsense" })).rejects.toThrow(
    'variants: there is no conv2d variant "nonsense", only "naive", "direct", "quads", "halo", "tiled", "taps"',
  );
  await expect(create({ conv2d: { ifFits: "nonsense" } })).rejects.toThrow('there is no conv2d variant "nonsense"');
  await expect(create({ "*": "nonsense" })).rejects.toThrow('there is no kernel variant "nonsense", only');
  const engine = await create({ reduce: "columns" });
  await expect(engine.compile({ outputs: { y: t.sum(input("x", [6, 10]), 1) } })).rejects.toThrow(
    'compile: variant "columns" does not fit reduce kind=sum outputs=6 length=10 layout=rows: it needs results in contiguous groups of 4',
  );
  engine.destroy();
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, input, type Tensor, type Variable } from "../../src/index.ts";
import { matmulFamily } from "../../src/kernels/matmul.ts";
import { evaluate } from "../../src/reference/index.ts";
import { wholeOf } from "../../src/selfcheck/registry.ts";
import { wherever } from "../forced.ts";
import { some, spares } from "../place.ts";

/*
 * Every variant of a kernel family, forced in turn, against the float64 twin: tall, wide, tiny and odd sizes.
 */

const adapter = (await navigator.gpu.requestAdapter())!;
const subgroups = adapter.features.has("subgroups");
let device: GPUDevice;
beforeAll(async () => {
  device = await adapter.requestDevice({
    requiredFeatures: subgroups ? ["subgroups"] : [],
    requiredLimits: { maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage },
  });
});
afterAll(() => device.destroy());

const values = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * 0.7 + seed) * 1.5));

async function agrees(
  variants: Record<string, string>,
  outputs: Record<string, Tensor>,
  tolerance: number,
): Promise<string[]> {
  const engine = await Engine.create({ device, variants: wherever(variants) });
  const program = await engine.compile({ outputs });
  const feeds: Record<string, Float32Array | Int32Array> = {};
  const inputs = new Set<Tensor>();
  const walk = (tensor: Tensor): void => {
    if (tensor.node.op.source === "input") inputs.add(tensor);
    tensor.node.inputs.forEach(walk);
  };
  Object.values(outputs).forEach(walk);
  for (const { node, shape, dtype } of inputs) {
    const n = shape.reduce((a, b) => a * b, 1);
    const data = values(n, n);
    feeds[node.attrs["name"]] = dtype === "i32" ? Int32Array.from({ length: n }, (_, i) => i % 3) : data;
  }
  await program.run(feeds);
  const wanted = evaluate(outputs, { inputs: feeds });
  for (const [name, { data }] of Object.entries(wanted)) {
    const got = await program.outputs[name]!.data();
    expect(got.length).toBe(data.length);
    data.forEach((value, i) => {
      if (!(Math.abs(got[i]! - value) <= tolerance * (1 + Math.abs(value))))
        expect.fail(`${name}[${i}] is ${got[i]}, expected ${value}`);
    });
  }
  const used = program.inspect().kernels.map(({ family, variant }) => `${family}/${variant}`);
  engine.destroy();
  return used;
}

/** Two runs that add a third of each product to its variable, each with one kernel. */
async function addsTwice(variants: Record<string, string>, cases: readonly { w: Variable; product: Tensor }[]) {
  const wanted = cases.map(({ w, product }) => evaluate({ sum: t.add(w, t.mul(product, 2 / 3)) }).sum);
  const engine = await Engine.create({ device, variants: wherever(variants) });
  const program = await engine.compile({
    updates: cases.map(({ w, product }) => [w, t.add(w, t.mul(product, 1 / 3))] as const),
  });
  const kernels = program.inspect().kernels.filter(({ label }) => !/\/partial$|^pack\[/.test(label));
  expect(kernels).toHaveLength(cases.length);
  await program.run();
  await program.run();
  for (const [i, { w }] of cases.entries()) {
    const got = await engine.read(w);
    wanted[i]!.data.forEach((value, i) => {
      expect(Math.abs(got[i]! - value), `${i} of ${w.shape}`).toBeLessThanOrEqual(1e-4 * (1 + Math.abs(value)));
    });
  }
  engine.destroy();
}

const sizes: [m: number, n: number, k: number][] = [
  [1, 1, 3],
  [3, 5, 7],
  [64, 64, 64],
  [65, 67, 66],
  [128, 10, 784],
  [5, 130, 3],
  [1, 20, 600],
  [30, 1, 70],
  [20, 2, 33],
  [9, 3, 16],
];

/** Whether CPU adapters take long to compile and run a variant. */
const isSlow = (variant: string): boolean => /tiled|group/.test(variant);

const sizesFor = (variant: string): typeof sizes => {
  // Two by two tiles, and parts of K, the last of which is shorter.
  if (variant === "tiled") return [[65, 67, 300]];
  // Compiling this one takes Chrome 20 seconds, and its compiler is that of Node.
  if (variant === "tiled128") return spares ? [] : [[132, 140, 150]];
  if (variant === "groupK8x4") return [[9, 22, 67]];
  if (variant === "group256K1x4") return [[1, 20, 600]];
  if (isSlow(variant)) {
    return some([
      [1, 20, 600],
      [65, 67, 66],
    ]);
  }
  // Four sizes of these long kernels take as long to compile as ten of others.
  const few: typeof sizes = [
    [65, 67, 66],
    [64, 64, 64],
    [128, 10, 784],
    [1, 1, 3],
  ];
  return some(/16x8|32x8/.test(variant) ? few : sizes, 5);
};

const products = wholeOf(matmulFamily)
  .variants.map(({ name }) => name)
  .filter((name) => name !== "dots" && (subgroups || !name.startsWith("quad")));
test.each([
  [1, 4],
  [13, 8],
  [72, 36],
])("matmul dots, a vector times %i columns of %i", async (n, k) => {
  const b = input("b", [n, k]);
  const used = await agrees(
    { matmul: "dots" },
    {
      row: t.tanh(t.add(t.matmul(input("a", [1, k]), t.transpose(b)), input("bias", [n]))),
      column: t.matmul(b, input("c", [k, 1])),
      sliced: t.matmul(
        t.slice(input("d", [3, k + 3]), [
          [1, 2],
          [2, k + 2],
        ]),
        t.transpose(b),
      ),
      batches: t.matmul(input("e", [3, 1, k]), t.transpose(input("f", [3, n, k]), 1, 2)),
    },
    1e-4,
  );
  expect(used.filter((name) => name === "matmul/dots")).toHaveLength(4);
});

describe.each(products)("matmul %s", (variant) => {
  test.each(sizesFor(variant))("%i × %i over %i, with every operand plain and transposed", async (m, n, k) => {
    const a = input("a", [m, k]);
    const at = input("at", [k, m]);
    const b = input("b", [k, n]);
    const bt = input("bt", [n, k]);
    const bias = input("bias", [n]);
    const used = await agrees(
      { matmul: variant },
      {
        nn: t.tanh(t.add(t.matmul(a, b), bias)),
        nt: t.where(t.gt(input("mask", [m, n]), 0), t.matmul(a, t.transpose(bt)), 0),
        tn: t.matmul(t.transpose(at), b),
        tt: t.matmul(t.transpose(at), t.transpose(bt)),
      },
      2e-5 * Math.sqrt(k),
    );
    expect(used.filter((name) => name === `matmul/${variant}`)).toHaveLength(4);
  });

  test.skipIf(spares && isSlow(variant))("adds to variables in place, to each element once", async () => {
    const cases = [
      [33, 30, 70],
      ...(isSlow(variant) || variant.endsWith("32x8")
        ? []
        : [
            [64, 64, 20],
            [21, 1, 64],
          ]),
    ].map(([m, n, k], i) => ({
      w: t.variable(values(m! * n!, i), [m!, n!]),
      product: t.matmul(t.constant(values(m! * k!, 1), [m!, k!]), t.constant(values(k! * n!, 2), [k!, n!])),
    }));
    await addsTwice({ matmul: variant }, cases);
  });

  test.skipIf(spares && isSlow(variant))("batches, broadcast and sliced", async () => {
    const a = input("a", [3, 2, 9, 8]);
    const b = input("b", [2, 8, 12]);
    const big = input("big", [16, 20]);
    const part = (rows: t.Range, columns: t.Range) => t.slice(big, [rows, columns]);
    await agrees(
      { matmul: variant },
      {
        batched: t.matmul(a, b),
        steps: t.matmul(part([0, 16, 3], [0, 20, 2]), part([0, 10], [0, 20, 5])),
        ...(!isSlow(variant) && {
          sliced: t.matmul(part([3, 13], [1, 9]), part([0, 8], [4, 20])),
          flipped: t.matmul(t.flip(big, 0), t.transpose(big)),
        }),
      },
      1e-4,
    );
  });
});

const inFront = products.filter((name) => !/^(tiled|packed)/.test(name) && !(spares && isSlow(name)));
describe.each(inFront)("ops in front of a product, %s", (variant) => {
  const all = [
    [33, 20, 15],
    [1, 8, 70],
    [40, 16, 16],
    [70, 4, 2],
  ] as const;
  test.each(isSlow(variant) ? all.slice(0, 1) : some(all, 4))("%i × %i × %i", async (m, k, n) => {
    const x = input("x", [m, k]);
    const row = t.add(t.mul(x, input("column", [m, 1])), input("row", [k]));
    const [h, turned] = [t.gelu(row), t.exp(t.transpose(input("turned", [k, m])))];
    const batch = t.sub(1, t.mul(input("batch", [2, 1, m, k]), input("rows", [3, m, 1])));
    const used = await agrees(
      { matmul: variant },
      {
        h,
        y: t.gelu(t.add(t.matmul(h, t.transpose(input("w", [n, k]))), input("bias", [n]))),
        alone: t.matmul(turned, input("v", [k, n])),
        batch: t.matmul(batch, input("u", [3, k, n])),
        again: t.sum(batch, 3),
      },
      1e-4,
    );
    expect(used.filter((name) => name === `matmul/${variant}`)).toHaveLength(3);
    expect(used.filter((name) => name.startsWith("elementwise"))).toEqual([]);
  });
});

describe.each(["naive", "serial", "tree", "tile"])("reductions, %s", (variant) => {
  const pick = variant === "tile" ? "tree" : variant;
  test.each(
    some([
      [[1], [0]],
      [[5, 7], [1]],
      [[7, 8], [1]],
      [[6, 128], [0]],
      [
        [3, 70, 5],
        [0, 2],
      ],
      [[3, 70, 5], [1]],
      [[20000], [0]],
      [[2, 9001], [1]],
    ] as [number[], number[]][]),
  )("%j over %j", async (shape, axes) => {
    const x = input("x", shape);
    const used = await agrees(
      { reduce: variant, pick },
      {
        sum: t.sum(x, axes),
        mean: t.mean(x, axes, true),
        max: t.max(x, axes),
        min: t.min(x, axes),
        prod: t.prod(t.add(t.mul(x, 0.0001), 1), axes),
        turned: t.sum(t.transpose(t.reshape(x, [shape[0]!, -1])), 0),
        ...(axes.length === 1 && { argmax: t.argmax(x, axes[0]), argmin: t.argmin(x, axes[0]) }),
      },
      1e-4,
    );
    expect(new Set(used.filter((name) => name.startsWith("reduce")))).toEqual(new Set([`reduce/${variant}`]));
    expect(used.filter((name) => name.startsWith("pick"))).toEqual(
      axes.length === 1 ? Array(2).fill(`pick/${pick}`) : [],
    );
  });
});

/** Shapes and folded axes whose results lie in groups of four neighbours. */
const inFours: [shape: number[], axes: number[]][] = [
  [[6, 128], [0]],
  [[2300, 8], [0]],
  [[3, 5, 4], [1]],
  [
    [70, 2, 12],
    [0, 1],
  ],
];

describe.each(["naive", "serial", "columns", "tree", "tile"])("ops that follow a reduction, %s", (variant) => {
  test.each(some(inFours, 4))("%j over %j", async (shape, axes) => {
    const x = input("x", shape);
    const kept = shape.filter((_, axis) => !axes.includes(axis));
    const row = input("row", kept.slice(-1));
    const turned = t.transpose(t.reshape(input("turned", kept), [kept.at(-1)!, -1]));
    const position = t.cast(t.iota(kept, kept.length - 1), "f32");
    const used = await agrees(
      { reduce: variant },
      {
        row: t.tanh(t.add(t.sum(x, axes), row)),
        turned: t.mul(t.max(x, axes), t.reshape(turned, kept)),
        place: t.add(t.mean(input("z", shape), axes), position),
        one: t.add(t.min(x, axes), t.sum(input("few", [3]))),
        whole: t.sqrt(t.cast(t.abs(t.sum(t.cast(x, "i32"), axes)), "f32")),
      },
      1e-4,
    );
    expect(used.filter((name) => name === `reduce/${variant}`).length).toBeGreaterThanOrEqual(5);
    expect(used.filter((name) => name.startsWith("elementwise"))).toEqual([]);
  });
});

describe.each(["naive", "serial", "columns", "tree", "tile"])("ops in front of a reduction, %s", (variant) => {
  test.each(
    some([
      [[6, 128], [0]],
      [[2300, 8], [0]],
      [[3, 5, 4], [1]],
      [[5, 7], [1]],
      [[3, 70, 5], [1]],
      [[6, 128], [1]],
      [[3, 8400], [1]],
      [
        [3, 8, 12],
        [1, 2],
      ],
      [[2, 9001], [1]],
      [
        [70, 2, 12],
        [0, 1],
      ],
    ] as [number[], number[]][]),
  )("%j over %j", async (shape, axes) => {
    const [x, z] = [input("x", shape), input("z", shape)];
    const distance = t.sub(x, input("row", shape.slice(-1)));
    const column = t.expand(input("column", [...shape.slice(0, -1), 1]), shape);
    const turned = t.transpose(t.reshape(input("turned", shape), [shape.at(-1)!, -1]));
    const used = await agrees(
      { reduce: variant },
      {
        squares: t.sqrt(t.sum(t.mul(distance, distance), axes)),
        scaled: t.max(t.mul(x, column), axes),
        // Functions such as tanh bring their own WGSL functions.
        smooth: t.gelu(t.mean(t.gelu(t.mul(x, z)), axes)),
        turned: t.sum(t.sub(t.reshape(t.exp(turned), shape), x), axes),
        counts: t.sum(t.cast(t.gt(x, z), "i32"), axes),
        prod: t.prod(t.add(t.mul(x, 0.0001), 1), axes),
      },
      1e-4,
    );
    const inColumns = shape.at(-1)! % 4 === 0 && !axes.includes(shape.length - 1);
    if (variant !== "columns" || inColumns)
      expect(used.filter((name) => name === `reduce/${variant}`).length).toBeGreaterThanOrEqual(5);
    // Only a transpose that is reshaped is copied first.
    expect(used.filter((name) => name.startsWith("elementwise"))).toHaveLength(shape.length === 2 ? 0 : 1);
  });
});

test.each(["naive", "serial", "columns", "tree", "tile"])("sums added to variables in place, %s", (variant) =>
  addsTwice(
    { reduce: variant },
    [
      [64, 64],
      [2300, 8],
      [40, 3],
    ].map(([rows, n], i) => ({
      w: t.variable(values(n!, i), [n!]),
      product: t.sum(t.constant(values(rows! * n!, 1), [rows!, n!]), 0),
    })),
  ),
);

describe("reductions, columns", () => {
  test.each(some([...inFours, [[2100, 3, 4], [0]]] as typeof inFours))("%j over %j", async (shape, axes) => {
    const x = input("x", shape);
    const used = await agrees(
      { reduce: "columns" },
      {
        sum: t.sum(x, axes),
        mean: t.mean(x, axes, true),
        max: t.max(x, axes),
        min: t.min(x, axes),
        prod: t.prod(t.add(t.mul(x, 0.0001), 1), axes),
        part: t.sum(t.slice(input("w", [shape[0]!, 8]), [[], [4, 8]]), 0),
        turned: t.sum(t.transpose(input("z", [12, 8])), 1),
      },
      1e-4,
    );
    expect(new Set(used.filter((name) => name.startsWith("reduce")))).toEqual(new Set(["reduce/columns"]));
  });

  test("other variants run if results are not in contiguous groups of 4", async () => {
    const x = input("x", [6, 10]);
    const used = await agrees(
      { reduce: "columns" },
      { rows: t.sum(x, 1), ragged: t.sum(x, 0), turned: t.sum(t.transpose(input("z", [8, 8])), 0), at: t.argmax(x, 0) },
      1e-4,
    );
    expect(used.filter((name) => name === "reduce/columns")).toEqual([]);
  });
});

/** Of kernels that need a line more than once. */
const lineVariants = ["naive", "serial", "tree", "kept", ...(subgroups ? ["quads"] : [])];

describe.each(lineVariants)("softmax, %s", (variant) => {
  test.each(
    some([
      [[5, 7], 1],
      [[1, 1], 1],
      [[3, 1025], 1],
      [[2, 2052], 1],
      [[4, 6, 5], 1],
      [[130, 3], 0],
    ] as [number[], number][]),
  )("%j along %i", async (shape, axis) => {
    const x = t.mul(input("x", shape), 10);
    const labels = input("labels", [shape[0]!, ...shape.slice(2)], "i32");
    const classes = shape.length > 1 && shape[1]! >= 3;
    const y = t.softmax(x, axis);
    const used = await agrees(
      { softmax: variant, softmaxGrad: variant },
      {
        softmax: y,
        through: t.grad(t.sum(t.mul(y, input("w", shape))), [x])[0]!,
        logSoftmax: t.logSoftmax(x, axis),
        ...(classes && {
          loss: t.softmaxCrossEntropy(x, labels),
          dx: t.grad(t.sum(t.softmaxCrossEntropy(x, labels)), [x])[0]!,
          // Labels and gradients in another order than in memory.
          flipped: t.grad(
            t.sum(t.mul(t.softmaxCrossEntropy(x, t.flip(labels, 0), 1), t.flip(input("u", labels.shape), 0))),
            [x],
          )[0]!,
        }),
      },
      2e-5,
    );
    expect(used.filter((name) => name === `softmax/${variant}`).length).toBeGreaterThanOrEqual(2);
    expect(used).toContain(`softmaxGrad/${variant}`);
  });

  test("the gradient of a loss takes the place of large logits", async () => {
    const [x, labels] = [input("x", [300, 900]), input("labels", [300], "i32")];
    const loss = t.sum(t.softmaxCrossEntropy(t.mul(x, t.add(x, 1)), labels));
    const outputs = { loss, dx: t.grad(loss, [x])[0]! };
    await agrees({ softmax: variant }, outputs, 2e-5);
    const engine = await Engine.create({ device, variants: { softmax: variant } });
    const { kernels } = (await engine.compile({ outputs })).inspect();
    const gradient = kernels.find(({ label }) => label.startsWith("crossEntropyGrad"))!;
    expect(gradient.bindings.map(({ access }) => access)).toEqual(["read_write", "read", "read"]);
    engine.destroy();
  });
});

describe.each(lineVariants)("ops after gradients of lines, %s", (variant) => {
  /** A mask by position and a sum, for kernels of width 4 and of width 1. */
  const followed = (dx: Tensor, shape: number[]): Tensor =>
    t.add(t.mul(t.where(input("mask", shape.slice(-1), "i32"), dx, t.zerosLike(dx)), 0.25), input("other", shape));

  test.each(
    some([
      [[6, 8], 1],
      [[5, 7], 1],
      [[4, 6, 5], 1],
      [[130, 3], 0],
    ] as [number[], number][]),
  )("softmax of %j along %i", async (shape, axis) => {
    const [y, dy] = [t.softmax(input("x", shape), axis), input("dy", shape)];
    const [dx] = t.grad(t.sum(t.mul(y, dy)), [y.node.inputs[0]!]);
    const used = await agrees({ softmaxGrad: variant }, { after: followed(dx!, shape) }, 2e-5);
    expect(used).toEqual([expect.stringContaining("softmax/"), `softmaxGrad/${variant}`]);
  });

  test.each(
    some([
      [9, 64],
      [5, 7],
      [3, 130],
    ]),
  )("layer norm of [%i, %i]", async (rows, length) => {
    const shape = [rows, length];
    const x = input("x", shape);
    for (const weight of [undefined, input("weight", [length])]) {
      const y = t.layerNorm(x, length, weight && { weight });
      const [dx] = t.grad(t.sum(t.mul(y, input("dy", shape))), [x]);
      const used = await agrees({ layerNorm: variant }, { after: followed(dx!, shape) }, 2e-5);
      expect(used).toEqual([`layerNorm/${variant}`, `layerNorm/${variant}`]);
      const rms = t.rmsNorm(x, length, weight && { weight });
      const [of] = t.grad(t.sum(t.mul(rms, input("dy", shape))), [x]);
      expect(await agrees({ layerNorm: variant }, { after: followed(of!, shape) }, 2e-5)).toEqual(used);
    }
  });
});

test.each(["naive", "vec4"])("elementwise ops, %s", async (variant) => {
  const shapes = [[1], [3], [4], [5, 7], [8, 12], [2, 3, 67]];
  const outputs = shapes.flatMap((shape, i): [string, Tensor][] => {
    const x = input(`x${i}`, shape);
    const column = input(`column${i}`, [...shape.slice(0, -1), 1]);
    const y = t.add(t.mul(x, t.flip(x, -1)), column);
    return [
      [`chain ${shape}`, t.tanh(y)],
      [`another ${shape}`, t.sub(y, t.cast(t.iota(shape, -1), "f32"))],
      [`turned ${shape}`, t.exp(t.transpose(shape.length > 1 ? x : t.unsqueeze(x, 0)))],
      [`whole ${shape}`, t.maximum(t.cast(t.mul(x, 9), "i32"), 2)],
    ];
  });
  const used = await agrees({ elementwise: variant }, Object.fromEntries(outputs), 1e-5);
  expect(used.length).toBeGreaterThan(shapes.length);
  expect(used.filter((name) => name !== `elementwise/${variant}`)).toEqual([]);
});

test.each(["naive", "vec4"])("an optimizer's formula, %s", async (variant) => {
  const engine = await Engine.create({ device, variants: { elementwise: variant } });
  const shapes = [[7], [3, 5], [64], [1]];
  const weights = shapes.map((shape, i) =>
    t.variable(
      values(
        shape.reduce((a, b) => a * b),
        i,
      ),
      shape,
    ),
  );
  const loss = weights.map((w) => t.sum(t.mul(w, t.mul(w, w)))).reduce((a, b) => t.add(a, b));
  const updates = t.optim.adam({ lr: 0.1 }).minimize(loss, weights);
  const wanted = evaluate(Object.fromEntries(weights.map((w, i) => [i, updates.find(([v]) => v === w)![1]])));
  const program = await engine.compile({ updates });
  expect(program.inspect().kernels.map(({ variant }) => variant)).toContain(variant);
  await program.run();
  for (const [i, w] of weights.entries()) {
    const got = await engine.read(w);
    wanted[i]!.data.forEach((value, k) => {
      expect(Math.abs(got[k]! - value)).toBeLessThan(1e-5);
    });
  }
  engine.destroy();
});

describe.each(["naive", "vec4"])("elements that move, %s", (variant) => {
  test.each(
    some([
      [5, 12],
      [5, 7],
      [1, 1],
      [3, 4, 8],
      [2, 3, 5],
    ]).map((shape) => [shape]),
  )("%j", async (shape) => {
    const x = input("x", shape);
    const first = shape.map((_, axis) => (axis === 0 ? 1 : 0));
    const last = shape.map((_, axis) => (axis === shape.length - 1 ? 2 : 0));
    const table = input("table", [7, shape.at(-1)!]);
    const used = await agrees(
      { pad: variant, concat: variant, embedding: variant },
      {
        before: t.pad(x, { low: first, high: first, value: -2 }),
        around: t.pad(x, { low: last, high: last }),
        apart: t.pad(t.flip(x, 0), { low: first, high: last, interior: shape.map((_, axis) => (axis + 1) % 3) }),
        rows: t.concat([x, t.flip(x, 0)], 0),
        columns: t.concat([x, t.mul(x, 2), t.flip(x, -1)], -1),
        turned: t.concat([t.transpose(x), input("z", t.transpose(x).shape)], 0),
        looked: t.embedding(input("labels", [9], "i32"), table),
      },
      1e-6,
    );
    const count = (family: string) => used.filter((name) => name === `${family}/${variant}`).length;
    if (variant === "naive") expect([count("pad"), count("concat"), count("embedding")]).toEqual([3, 3, 1]);
    else if (shape.at(-1)! % 4 === 0) expect([count("concat"), count("embedding")]).toEqual([3, 1]);
  });
});

test.each(["naive", "blocks"])("running sums, %s", async (variant) => {
  const long = t.transpose(input("long", [9000, 2]));
  const x = input("x", [3, 70, 5]);
  const used = await agrees(
    { cumsum: variant },
    {
      long: t.cumsum(long, 1),
      middle: t.cumsum(x, 1),
      last: t.cumsum(t.flip(x, 2), 2),
      whole: t.cumsum(t.cast(x, "i32"), 0),
    },
    variant === "naive" ? 1e-3 : 1e-4,
  );
  expect(used.filter((name) => name === `cumsum/${variant}`)).toHaveLength(4);
});

describe.each(["naive", "merge"])("sorting, %s", (variant) => {
  test.each(
    [
      [3, 1],
      [2, 64],
      [2, 65],
      [4, 128, 3],
      [3, 1000],
    ].map((shape) => ({ shape })),
  )("$shape", async ({ shape }) => {
    const x = input("x", shape);
    const [whole, equal] = [t.cast(t.mul(x, 50), "i32"), t.round(x)];
    const k = Math.min(5, shape[1]!);
    const used = await agrees(
      { sort: variant },
      {
        values: t.sort(x, 1).values,
        down: t.sort(x, 1, { descending: true }).values,
        first: t.sort(x, 0).values,
        order: t.argsort(whole, 1),
        stable: t.argsort(equal, 1, { descending: true }),
        unsigned: t.argsort(t.cast(t.abs(whole), "u32"), 1),
        top: t.topk(x, k, 1).values,
        gradient: t.grad(t.sum(t.mul(t.sort(x, 1).values, t.cast(t.iota(shape, 1), "f32"))), [x])[0]!,
        ofTop: t.grad(t.sum(t.topk(x, k, 1).values), [x])[0]!,
      },
      1e-6,
    );
    expect(used.filter((name) => name === `sort/${variant}`).length).toBeGreaterThanOrEqual(7);
  });

  test("places NaN behind infinity, and counts −0 as 0", async () => {
    const { NaN: none, POSITIVE_INFINITY: large, NEGATIVE_INFINITY: small } = Number;
    const values = Float32Array.of(1, none, -0, large, 0, small, -1, none, 1e-40, -1e-40);
    const engine = await Engine.create({ variants: { sort: variant } });
    const x = input("x", [10]);
    const program = await engine.compile({
      outputs: { up: t.argsort(x), down: t.argsort(x, 0, { descending: true }) },
    });
    const { up, down } = await program.compute({ x: values });
    expect([...up.slice(-3), ...up.slice(0, 2)]).toEqual([3, 1, 7, 5, 6]);
    expect([...down.slice(0, 4), ...down.slice(-2)]).toEqual([1, 7, 3, 0, 6, 5]);
    expect(up.indexOf(2)).toBeLessThan(up.indexOf(4));
  });
});

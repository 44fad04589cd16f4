import { describe, expect, test } from "vitest";
import { compile, type Description } from "../../src/compile/compile.ts";
import { lifetimesOf } from "../../src/compile/plan.ts";
import { simplify } from "../../src/compile/simplify.ts";
import * as t from "../../src/index.ts";
import { input, losses, nn, optim, print, type Tensor, variable } from "../../src/index.ts";
import { showLayer } from "../../src/layer.ts";
import { memoryOf } from "../../src/runtime/inspection.ts";
import { gpu, software } from "../adapters.ts";

const mlp = (optimizer: t.optim.Optimizer, batch = 64): Description => {
  nn.seed(1);
  const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
  const loss = losses.crossEntropy(model(input("x", [batch, 784])), input("y", [batch], "i32"));
  return { outputs: { loss }, updates: optimizer.minimize(loss) };
};

/** Calls as lines: label, variant, bindings. */
const listing = ({ calls }: ReturnType<typeof compile>): string =>
  `${calls
    .map(({ label, layer, variant, workgroups, bindings }) => {
      const bound = bindings.map(
        ({ buffer, access, offset }) => `${access === "read" ? "" : "→"}${buffer.role}+${offset}`,
      );
      return `${label}${showLayer(layer)} ${variant} ${workgroups.join("×")} (${bound.join(", ")})`;
    })
    .join("\n")}\n`;

const memory = (compiled: ReturnType<typeof compile>): string => {
  const { slots, lifetimes } = compiled;
  const lines = slots.map(({ bytes, tenants }, i) => {
    const spans = tenants.map((buffer) => {
      const { first, last } = lifetimes.find((lifetime) => lifetime.buffer === buffer)!;
      return `${buffer.role} ${first}–${Number.isFinite(last) ? last : "…"}`;
    });
    return `slot ${i}: ${bytes} bytes: ${spans.join(", ")}`;
  });
  return `${lines.join("\n")}\n${JSON.stringify(memoryOf(compiled))}\n`;
};

describe("a multilayer perceptron with Adam", () => {
  const apart = compile(mlp(optim.adam()), software, new Map(), { merge: false });
  const compiled = compile(mlp(optim.adam()), software);

  test("is built, simplified, fused, lowered, merged and planned as in its goldens", async () => {
    await expect(compiled.stages.built()).toMatchFileSnapshot("passes/mlp.built.txt");
    await expect(compiled.stages.simplified()).toMatchFileSnapshot("passes/mlp.simplified.txt");
    await expect(compiled.stages.fused()).toMatchFileSnapshot("passes/mlp.fused.txt");
    await expect(listing(apart)).toMatchFileSnapshot("passes/mlp.kernels.txt");
    await expect(listing(compiled)).toMatchFileSnapshot("passes/mlp.merged.txt");
    await expect(memory(compiled)).toMatchFileSnapshot("passes/mlp.memory.txt");
    await expect(compiled.calls[0]!.wgsl).toMatchFileSnapshot("passes/mlp.matmul.wgsl");
    await expect(compiled.calls[2]!.wgsl).toMatchFileSnapshot("passes/mlp.merged.wgsl");
  });

  test("takes 12 kernels in 8 dispatches, one of them for the optimizer", () => {
    expect(apart.calls).toHaveLength(12);
    expect(compiled.calls).toHaveLength(8);
    expect(compiled.calls.filter(({ label }) => label.startsWith("adam"))).toHaveLength(1);
  });

  test.each([
    ["momentum", optim.sgd({ lr: 0.1, momentum: 0.9 })],
    ["nesterov", optim.sgd({ lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
    ["dampening", optim.sgd({ lr: 0.1, momentum: 0.9, dampening: 0.5 })],
    ["adamW", optim.adamW()],
  ])("%s updates all parameters in one dispatch", (name, optimizer) => {
    const { calls } = compile(mlp(optimizer), gpu, new Map(), { merge: false });
    const prefix = name === "adamW" ? "adamW" : "sgd";
    expect(calls.filter(({ label }) => label.startsWith(prefix))).toHaveLength(1);
    expect(calls.length).toBeLessThanOrEqual(12);
  });

  test("a formula with one result runs inside the gradient kernels, in any order of parameters", () => {
    nn.seed(1);
    const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
    const loss = losses.crossEntropy(model(input("x", [64, 784])), input("y", [64], "i32"));
    const labels = (options: optim.StepOptions, parameters = [...model.variables.values()]): string[] =>
      compile({ updates: optim.sgd({ lr: 0.1 }).minimize(loss, parameters, options) }, gpu, new Map(), {
        merge: false,
      }).calls.map(({ label }) => label);
    const plain = labels({});
    expect(plain).toHaveLength(8);
    expect(plain.filter((label) => label.endsWith("+mul+sub:f32"))).toHaveLength(4);
    expect(labels({}, [...model.variables.values()].reverse()).sort()).toEqual([...plain].sort());
    // The norm must be known before the first update.
    expect(labels({ clip: optim.clipGradNorm(1) }).filter((label) => label.startsWith("sgd"))).toHaveLength(1);
  });

  test("models with a gradient without such a kernel are updated in one dispatch", () => {
    nn.seed(1);
    const model = nn.sequential(nn.embedding(20, 8), nn.linear(8, 20));
    const y = model(input("x", [6], "i32"));
    const { calls } = compile({ updates: optim.sgd({ lr: 0.1 }).minimize(t.sum(t.mul(y, y))) }, gpu);
    expect(calls.filter(({ label }) => label.startsWith("sgd"))).toHaveLength(1);
  });

  test("reads and writes parameters through one binding", () => {
    const update = compiled.calls.at(-1)!;
    expect(update.bindings.filter(({ buffer }) => buffer.role === "parameters")).toEqual([
      expect.objectContaining({ access: "read_write", offset: 0 }),
    ]);
  });

  test("shares memory only among buffers that are never needed together", () => {
    for (const { tenants } of compiled.slots) {
      const spans = lifetimesOf(compiled.calls)
        .filter(({ buffer }) => tenants.includes(buffer))
        .sort((a, b) => a.first - b.first);
      spans.slice(1).forEach((span, i) => expect(span.first).toBeGreaterThan(spans[i]!.last));
    }
    expect(memoryOf(compiled).scratch).toBeLessThan(memoryOf(compiled).scratchUnshared);
  });

  test("shares its variables with a program of another batch size", () => {
    nn.seed(1);
    const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
    const output = (batch: number) => ({ outputs: { y: model(input("x", [batch, 784])) } });
    const first = compile(output(64), software);
    expect(compile(output(1), software, first.homes).homes).toEqual(first.homes);
  });
});

describe("simplify", () => {
  const x = input("x", [4, 6]);
  const simplified = (tensor: Tensor): string => print({ y: simplify([tensor])[0]! });

  test("finds common subexpressions", () => {
    const twice = t.add(t.exp(t.mul(x, 2)), t.exp(t.mul(x, 2)));
    expect(simplified(twice).match(/exp/g)).toHaveLength(1);
  });

  test("folds constants and drops operations without effect", () => {
    expect(simplified(t.mul(t.add(x, 0), t.exp(t.full([4, 6], 0))))).toBe('%0 = input() "x" : f32[4, 6]\ny -> %0\n');
    expect(simplified(t.neg(t.neg(t.div(x, 1))))).toBe('%0 = input() "x" : f32[4, 6]\ny -> %0\n');
  });

  test("does not fold values too large for a float", () => {
    expect(simplified(t.mul(x, t.exp(t.full([4, 6], 1000))))).toContain("exp");
  });

  test("joins views of views", () => {
    expect(simplified(t.transpose(t.transpose(x)))).not.toContain("permute");
    expect(simplified(t.reshape(t.reshape(x, [2, 12]), [24])).match(/reshape/g)).toHaveLength(1);
  });

  test("turns a transposed product into a product of transposes", () => {
    const w = input("w", [6, 5]);
    expect(simplified(t.transpose(t.matmul(x, w)))).toMatch(/matmul\(.*\) : f32\[5, 4\]/);
  });

  test("turns a small product along one or two elements into pointwise ops", () => {
    const [thin, two, three] = [1, 2, 3].map((k) => t.matmul(input("u", [4, k]), input("v", [k, 5])));
    expect(simplified(thin!)).not.toContain("matmul");
    expect(simplified(two!)).not.toContain("matmul");
    expect(simplified(three!)).toContain("matmul");
    expect(simplified(t.matmul(input("u", [100, 1]), input("v", [1, 100])))).toContain("matmul");
    // Rounded once, at the end of the sum.
    expect(simplified(t.matmul(input("u", [4, 2], "f16"), input("v", [2, 5], "f16")))).toContain("matmul");
  });

  test("keeps random draws apart", () => {
    const random = new t.Random(3);
    const sum = t.add(random.uniform([4, 6]), random.uniform([4, 6]));
    expect(simplified(sum).match(/uniform/g)).toHaveLength(2);
  });
});

describe("fuse", () => {
  const x = input("x", [8, 8]);
  const w = input("w", [8, 8]);
  const kernels = (outputs: Record<string, Tensor>, passes = {}): string[] =>
    compile({ outputs }, gpu, new Map(), { merge: false, ...passes }).calls.map(({ label }) => label);

  test("makes one kernel of a chain", () => {
    const y = t.sub(t.mul(t.tanh(t.add(t.mul(x, 2), w)), t.sigmoid(x)), t.div(x, 2));
    expect(kernels({ y })).toHaveLength(1);
    expect(kernels({ y }, { fuse: false })).toHaveLength(7);
  });

  test("gives a kernel several results where several are needed", () => {
    const y = t.exp(x);
    expect(kernels({ y, z: t.add(y, 1) })).toEqual(["exp+add[8x8]:f32"]);
  });

  test("runs bias and activation inside the matmul", () => {
    const bias = input("b", [8]);
    expect(kernels({ y: t.gelu(t.linear(x, w, bias)) })).toEqual(["matmul[8x8x8]+add+gelu:f32"]);
  });

  test("runs the ops that follow a reduction inside it", () => {
    expect(kernels({ y: t.mean(x) })).toEqual(["sum[8x8][0,1]+mul:f32"]);
    const bias = input("b", [8]);
    expect(kernels({ y: t.tanh(t.add(t.max(x, 1), bias)) })).toEqual(["max[8x8][1]+add+tanh:f32"]);
    expect(kernels({ y: t.cast(t.argmax(x, 1), "f32") })).toEqual(["argmax[8x8][1]+cast:f32"]);
  });

  test("runs the ops that only a reduction reads inside it", () => {
    const row = input("b", [8]);
    const distance = t.sub(x, row);
    const squares = t.sum(t.mul(distance, distance), 0);
    expect(kernels({ y: squares })).toEqual(["sub+mul+sum[8x8][0]:f32"]);
    expect(kernels({ y: t.sqrt(t.add(squares, row)) })).toEqual(["sub+mul+sum[8x8][0]+add+sqrt:f32"]);
    const scale = input("s", [8]);
    const normal = t.layerNorm(x, 8, { weight: scale, bias: row });
    expect(kernels({ dw: t.grad(t.sum(t.mul(normal, w)), [scale])[0]! })).toEqual([
      "layerNorm[8x8]:f32",
      "sub+mul+mul+sum[8x8][0]:f32",
    ]);
    // Values with other readers are stored, positional values are recomputed, and a product runs its epilogue.
    const e = t.exp(x);
    expect(kernels({ e, y: t.sum(e, 1) })).toEqual(["exp[8x8]:f32", "sum[8x8][1]:f32"]);
    expect(kernels({ y: t.sum(t.mul(x, t.cast(t.iota([8, 8], 0), "f32")), 1) })).toHaveLength(2);
    expect(kernels({ y: t.sum(t.relu(t.matmul(x, w)), 1) })).toEqual(["matmul[8x8x8]+relu:f32", "sum[8x8][1]:f32"]);
    expect(kernels({ y: t.argmax(t.neg(x), 1) })).toEqual(["neg[8x8]:f32", "argmax[8x8][1]:i32"]);
  });

  test("runs the ops that a small product reads inside it, and stores them there for other readers", () => {
    const e = t.exp(x);
    expect(kernels({ y: t.matmul(e, w) })).toEqual(["exp+matmul[8x8x8]:f32"]);
    expect(kernels({ e, y: t.relu(t.matmul(e, w)), z: t.sum(e, 0) })).toEqual([
      "exp+matmul[8x8x8]+relu:f32",
      "sum[8x8][0]:f32",
    ]);
    // Not the right factor, not a factor used twice, not if K is no multiple of 4, and not if recomputing costs too
    // much.
    expect(kernels({ y: t.matmul(w, e) })).toHaveLength(2);
    expect(kernels({ y: t.matmul(e, t.transpose(e)) })).toHaveLength(2);
    expect(kernels({ y: t.matmul(t.exp(input("a", [8, 6])), input("b", [6, 8])) })).toHaveLength(2);
    expect(kernels({ y: t.matmul(t.exp(input("a", [64, 64])), input("b", [64, 64])) })).toHaveLength(2);
    // Eight bindings are the limit.
    const far = Array.from({ length: 6 }, (_, i) => input(`x${i}`, [8, 8]));
    const sum = (n: number) => far.slice(0, n).reduce((all, each) => t.add(all, each));
    expect(kernels({ y: t.matmul(sum(6), w) })).toHaveLength(1);
    expect(kernels({ y: t.matmul(sum(6), w), sum: sum(6) })).toHaveLength(2);
    expect(kernels({ y: t.add(t.matmul(sum(5), w), input("b", [8])), sum: sum(5) })).toHaveLength(2);
  });

  test("does not store in a product what the product depends on, even indirectly", () => {
    const [e, f] = [t.exp(x), t.sin(x)];
    const wanted = { y: t.matmul(e, t.matmul(w, t.transpose(e))) };
    expect(kernels(wanted)).toHaveLength(3);
    expect(kernels({ y: t.add(t.matmul(e, w), e) })).toEqual(["exp[8x8]:f32", "matmul[8x8x8]+add:f32"]);
    const round = { y: t.matmul(e, t.softmax(f)), z: t.matmul(f, t.softmax(e)) };
    const labels = kernels(round);
    expect(labels.filter((label) => /(exp|sin)\+matmul/.test(label))).toHaveLength(1);
    expect(labels).toHaveLength(5);
  });

  test("leaves a product with other readers alone", () => {
    const product = t.matmul(x, w);
    expect(kernels({ y: t.relu(product), product })).toHaveLength(2);
  });

  test("does not join across a reduction", () => {
    const e = t.exp(x);
    const y = t.div(e, t.sum(e, 1, true));
    expect(kernels({ y })).toEqual(["exp[8x8]:f32", "sum[8x8][1]:f32", "div[8x8]:f32"]);
  });

  test("recomputes a dropout mask instead of storing it", () => {
    nn.seed(5);
    const weight = variable(new Float32Array(64), [8, 8]);
    const h = nn.dropout(0.5)(t.tanh(t.matmul(x, weight)), { training: true });
    const { calls } = compile(
      { updates: optim.sgd({ lr: 1 }).minimize(t.sum(t.softmax(t.matmul(h, w))), [weight]) },
      gpu,
    );
    expect(calls.filter(({ wgsl }) => wgsl.includes("randomBits("))).toHaveLength(2);
    expect(calls.flatMap(({ bindings }) => bindings).some(({ buffer }) => buffer.role === "lt")).toBe(false);
  });

  test("respects the number of bindings", () => {
    const inputs = Array.from({ length: 12 }, (_, i) => input(`x${i}`, [8, 8]));
    const { calls } = compile({ outputs: { y: inputs.reduce((sum, tensor) => t.add(sum, tensor)) } }, gpu);
    expect(calls.length).toBeGreaterThan(1);
    for (const { bindings } of calls) expect(bindings.length).toBeLessThanOrEqual(8);
  });

  test("bounds the length of a kernel", () => {
    let y: Tensor = x;
    for (let i = 0; i < 1000; i++) y = t.tanh(t.add(y, 0.001 * i + 1));
    expect(kernels({ y })).toHaveLength(20);
  });
});

describe("updates", () => {
  const a = variable(new Float32Array([1, 2]), [2], { name: "a" });
  const b = variable(new Float32Array([3, 4]), [2], { name: "b" });

  test("are refused if they do not fit", () => {
    expect(() => compile({ updates: [[a, input("x", [3])]] }, gpu)).toThrow('variable "a" is [2], its update [3]');
    expect(() => compile({ updates: [[a, input("x", [2], "i32")]] }, gpu)).toThrow(
      'variable "a" is f32, its update i32',
    );
    expect(() =>
      compile(
        {
          updates: [
            [a, t.add(a, 1)],
            [a, t.add(a, 2)],
          ],
        },
        gpu,
      ),
    ).toThrow('"a" is updated twice');
  });

  test("no dispatch binds a buffer both read-only and writable", () => {
    const { calls } = compile(
      {
        updates: [
          [a, t.mul(a, b)],
          [b, t.add(b, 1)],
        ],
      },
      gpu,
    );
    for (const { bindings } of calls) {
      const written = bindings.filter(({ access }) => access === "read_write").map(({ buffer }) => buffer);
      for (const { buffer, access } of bindings) expect(access === "read" && written.includes(buffer)).toBe(false);
    }
  });

  test("two inputs of one name must be equal", () => {
    expect(() => compile({ outputs: { y: t.add(input("x", [2]), t.sum(input("x", [3]))) } }, gpu)).toThrow(
      'two inputs are called "x"',
    );
  });
});

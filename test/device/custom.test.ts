import { afterAll, describe, expect, test } from "vitest";
import { load, Runner } from "../../src/exported/index.ts";
import * as t from "../../src/index.ts";
import { customOp, Engine, elementwise, exportPrograms, input, NonFiniteError, type Tensor } from "../../src/index.ts";
import { checkOp, evaluate } from "../../src/reference/index.ts";
import { counts, near, root, rowMax, scaled, swish } from "../custom.ts";
import { disguised, withFewWorkgroups } from "../forced.ts";

const engine = await Engine.create();
afterAll(() => engine.destroy());

const wave = (n: number, by = 1) => Float32Array.from({ length: n }, (_, i) => 1.5 * Math.sin(by * i + 0.3));
const tensor = (shape: readonly number[], by = 1) =>
  t.constant(
    wave(
      shape.reduce((n, m) => n * m, 1),
      by,
    ),
    shape,
  );
const x = input("x", [5, 7]);
const feeds = { x: wave(35) };

type Outputs = Readonly<Record<string, Tensor>>;

/** Compiles and runs, compares with the reference, and returns the kernels. */
async function checked(outputs: Outputs, on = engine, given: t.Feeds = feeds) {
  const wanted = evaluate(outputs, { inputs: given as Record<string, Float32Array> });
  const program = await on.compile({ outputs });
  const got = await program.compute(given);
  for (const [name, { data }] of Object.entries(wanted)) {
    const tolerance = 1e-4 * (1 + data.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    data.forEach((value, i) => {
      expect(Math.abs(got[name]![i]! - value), `${name}[${i}]: ${got[name]![i]}, ${value}`).toBeLessThan(tolerance);
    });
  }
  const { kernels } = program.inspect();
  program.destroy();
  return kernels;
}

describe("elementwise", () => {
  test("results match the reference, and gradients its differences", async () => {
    expect(await checkOp(engine, swish, [tensor([5, 7]), tensor([7], 0.4)])).toEqual([]);
    expect(await checkOp(engine, swish, [tensor([3, 1]), 1.5])).toEqual([]);
    expect(await checkOp(engine, swish, [0.7, tensor([4, 2])])).toEqual([]);
    expect(await checkOp(engine, root, [t.constant(new Float32Array([0.5, 2, 9, 30]), [4])])).toEqual([]);
    expect(await checkOp(engine, root, [t.constant(new Int32Array([0, 1, 8, 9, 1000]), [5])])).toEqual([]);
    expect(await checkOp(engine, root, [t.constant(new Uint32Array([3, 4, 70000]), [3])])).toEqual([]);
    expect(await checkOp(engine, near, [tensor([3, 5]), tensor([5], 3), 0.5])).toEqual([]);
  });

  test("runs in one kernel with the ops around it, and is counted", async () => {
    const chain = await checked({ y: t.exp(swish(t.mul(x, 0.5), t.add(x, 1))) });
    expect(chain.map(({ label }) => label)).toEqual(["mul+add+swish+exp[5x7]:f32"]);
    expect(chain[0]!.flops).toBe(35 * (1 + 1 + 6 + 4));
    const behind = await checked({ y: swish(t.matmul(x, t.transpose(x)), 1) });
    expect(behind.map(({ label }) => label)).toEqual(["matmul[5x5x7]+swish:f32"]);
    const before = await checked({ y: t.sum(swish(x, 2), 1) });
    expect(before.map(({ label }) => label)).toEqual(["swish+sum[5x7][1]:f32"]);
    const both = await checked({ y: swish(t.sum(swish(x, 2), 0), 0.5) });
    expect(both.map(({ label }) => label)).toEqual(["swish+sum[5x7][0]+swish:f32"]);
    const image = t.reshape(x, [1, 1, 5, 7]);
    const convolved = await checked({ y: swish(t.conv2d(image, tensor([2, 1, 3, 3])), 1) });
    expect(convolved).toHaveLength(1);
  });

  test("is computed at compile time if its operands are numbers", async () => {
    const kernels = await checked({ y: t.add(x, swish(t.full([], 2), 1.5)) });
    expect(kernels[0]!.wgsl).not.toContain("swish");
  });

  test("in an optimizer's formula", async () => {
    const weight = t.variable(wave(6), [6]);
    const [[next]] = t.foreach("damped", [], [[weight]], (_, [w]) => [swish(w!, 1)]) as [[Tensor]];
    await checked({ next }, engine, {});
  });

  test("functions with the same name do not conflict: of two ops, of an op and tilegrad, or in a merged dispatch", async () => {
    const named = (factor: number) =>
      elementwise("twin", {
        inputs: ["x"],
        functions: `const FACTOR = ${factor}.5; fn power(v: f32) -> f32 { return FACTOR * v; } struct Pair { a: f32, power: f32 }`,
        wgsl: "let pair = Pair(x, power(x)); return pair.power - pair.a;",
        reference: (x) => (factor - 0.5) * x,
      });
    const [one, two] = [named(1), named(2)];
    await checked({ y: t.add(one(x), two(t.pow(t.abs(x), 1.5))) });
    const small = t.slice(x, [[0, 1]]);
    const merged = await checked({ a: t.sum(one(x), 1), b: two(t.pow(t.abs(small), 1.5)), c: t.max(two(x), 0) });
    expect(merged.map(({ family }) => family)).toContain("merged");
    // An equal definition gives equal text.
    const again = named(1);
    const [a, b] = [await checked({ y: one(x) }), await checked({ y: again(x) })];
    expect(b[0]!.wgsl).toBe(a[0]!.wgsl);
  });
});

describe("customOp", () => {
  test("results match the reference, and gradients its differences", async () => {
    expect(await checkOp(engine, rowMax, [tensor([4, 9])])).toEqual([]);
    expect(await checkOp(engine, rowMax, [tensor([2, 3, 5])])).toEqual([]);
    expect(await checkOp(engine, scaled, [tensor([9, 11]), tensor([11], 2)])).toEqual([]);
    expect(await checkOp(engine, scaled, [tensor([3, 5]), tensor([5], 2), { a: -0.5 }])).toEqual([]);
    const labels = t.constant(new Int32Array([0, 2, 2, 1, 2, 4]), [6]);
    expect(await checkOp(engine, counts, [labels, { classes: 11 }])).toEqual([]);
    expect(await checkOp(engine, counts, [t.constant(new Uint32Array([7, 1, 1]), [3])])).toEqual([]);
  });

  test("checkOp finds a wrong kernel, a wrong gradient and a missing reference", async () => {
    const wrong = customOp("wrong", {
      inputs: ["x"],
      outputs: { y: ({ x }) => x.shape },
      wgsl: "y_store(id.x, x(id.x) + 1);",
      reference: ({ x }) => x.data,
      gradient: { x: ({ dy }) => t.mul(dy, 2) },
    });
    const faults = await checkOp(engine, wrong, [t.constant(new Float32Array([1, 2]), [2])]);
    expect(faults).toEqual([
      "output[0] is 2 on the device, 1 by its reference",
      expect.stringMatching(/^gradient of operand 0\[0\] is 2, by differences (1|0\.9999)/),
    ]);
    const bare = customOp("bare", { inputs: ["x"], outputs: { y: ({ x }) => x.shape }, wgsl: "y_store(id.x, 1);" });
    await expect(checkOp(engine, bare, [tensor([2])])).rejects.toThrow("reference: bare has no reference");
  });

  test("reads views in place, whatever their layout", async () => {
    const views = { a: t.transpose(x), b: t.flip(x, [1]), c: t.expand(t.slice(x, [[1, 2]]), [4, 7]) };
    const kernels = await checked(
      Object.fromEntries(Object.entries(views).map(([name, view]) => [name, rowMax(view)])),
    );
    expect(kernels.map(({ label }) => label).join()).not.toContain("copy");
  });

  test("runs the pointwise ops that follow it, whose functions may have the same names as its own", async () => {
    const kernels = await checked({
      y: t.tanh(
        t.mul(
          rowMax(x),
          t.slice(
            x,
            [
              [0, 5],
              [0, 1],
            ].slice(1) as never,
          ).shape.length,
        ),
      ),
    });
    expect(kernels.map(({ label }) => label)).toEqual(["rowMax[5]+mul+tanh:f32"]);
    const clash = customOp("clash", {
      inputs: ["power"],
      outputs: { tangent: ({ power }) => power.shape },
      constants: { nan: 3 },
      functions: "fn sigmoid(logarithm: f32) -> f32 { return logarithm + nan; }",
      wgsl: "let op_swish = power(id.x); tangent_store(id.x, sigmoid(op_swish));",
      reference: ({ power }) => power.data.map((v) => v + 3),
    });
    const ended = await checked({ y: t.pow(t.log(t.sigmoid(swish(t.tanh(clash(x)), 1))), 2) });
    expect(ended).toHaveLength(1);
  });

  test("updates a variable in place", async () => {
    const weight = t.variable(wave(12), [3, 4], { name: "weight" });
    const first = Float64Array.from(wave(12));
    const next = t.sub(weight, t.mul(0.5, t.unsqueeze(rowMax(weight), 1)));
    const own = customOp("shift", {
      inputs: ["w"],
      outputs: { next: ({ w }) => w.shape },
      wgsl: "next_store(id.x, w(11 - id.x));",
    });
    const program = await engine.compile({ updates: [[weight, t.add(own(next), weight)]] });
    await program.run();
    const moved = first.map(
      (v, i) => v - 0.5 * Math.max(...first.slice(4 * Math.floor(i / 4), 4 * Math.floor(i / 4) + 4)),
    );
    const wanted = moved.map((_, i) => moved[11 - i]! + first[i]!);
    expect([...(await engine.read(weight))]).toEqual([...wanted].map((v) => expect.closeTo(v, 5)));
    program.destroy();
    engine.free([weight]);
  });

  test("small kernels share a dispatch, and one with workgroup memory runs on any adapter", async () => {
    const { y, squares } = scaled(x, t.slice(t.reshape(x, [35]), [[0, 7]]));
    const kernels = await checked({ y, squares, m: rowMax(x), n: rowMax(t.transpose(x)) });
    expect(kernels.map(({ label }) => label)).toContainEqual(expect.stringMatching(/rowMax.* \| .*rowMax/));
    await checked({ squares }); // nobody reads y
    const gpu = await Engine.create({ gpu: disguised(navigator.gpu) });
    const together = await checked({ y, squares, m: rowMax(x), n: rowMax(t.transpose(x)) }, gpu);
    expect(together.map(({ label }) => label)).toEqual(["scaled[5x7]:f32 | rowMax[5]:f32 | rowMax[7]:f32"]);
    gpu.destroy();
  });

  test("large grids are folded", async () => {
    const adapter = (await navigator.gpu.requestAdapter())!;
    const device = await adapter.requestDevice();
    const few = await withFewWorkgroups(device, 3, () => Engine.create({ device }));
    const kernels = await checked({ y: rowMax(t.reshape(input("x", [1400]), [700, 2])) }, few, { x: wave(1400) });
    expect(kernels[0]!.wgsl).toContain("workgroups, folded to");
    const local = customOp("local", {
      inputs: ["x"],
      outputs: { y: ({ x }) => x.shape },
      workgroups: ({ x }) => Math.ceil(x.shape[0]! / 64),
      wgsl: "let number = group.x * 64 + lane; let at = number; let local = at; if (at < 1400) { y_store(local, x(number)); }",
      reference: ({ x }) => x.data,
    });
    await checked({ y: t.add(local(input("x", [1400])), 1) }, few, { x: wave(1400) });
    few.destroy();
    device.destroy();
  });

  test("makes a tensor from options alone", async () => {
    const ramp = customOp("ramp", {
      inputs: [],
      outputs: { y: (_, { n }) => [n] },
      options: { n: 4 },
      wgsl: "y_store(id.x, f32(id.x));",
      reference: (_, { n }) => Array.from({ length: n }, (_, i) => i),
    });
    await checked({ y: t.mul(ramp({ n: 5 }), 2), z: ramp() }, engine, {});
  });

  test("is profiled, inspected and printed", async () => {
    const y = counts(input("labels", [4], "i32"), { classes: 5 });
    expect(t.print({ y })).toBe('%0 = input() "labels" : i32[4]\n%1 = counts(%0) {classes: 5} : u32[5]\ny -> %1\n');
    const program = await engine.compile({ outputs: { y } });
    const [kernel] = program.inspect().kernels;
    expect(kernel).toMatchObject({
      label: "counts[5]:u32",
      family: "custom",
      variant: "counts",
      workgroups: [1, 1, 1],
    });
    expect(kernel!.wgsl).toContain("fn labels(i: u32) -> i32 {");
    const { kernels } = await program.profile({ labels: new Int32Array(4) });
    expect(kernels[0]!.label).toBe("counts[5]:u32");
    program.destroy();
  });
});

describe("both", () => {
  test("name the kernel that stores NaN or infinity", async () => {
    const outputs = { a: swish(x, 2), b: scaled(x, t.full([7], 1)).y, c: rowMax(x) };
    for (const [name, y] of Object.entries(outputs)) {
      const program = await engine.compile({ outputs: { y } }, { checkFinite: true });
      await program.run(feeds);
      await program.read();
      await program.run({ x: wave(35).fill(Number.POSITIVE_INFINITY, 3, 4) });
      const reading = program.read();
      await expect(reading, name).rejects.toBeInstanceOf(NonFiniteError);
      await expect(reading).rejects.toThrow(/in kernel "(swish|scaled|rowMax)\[/);
      program.destroy();
    }
  });

  test("are exported, and run without the compiler", async () => {
    const outputs = { a: t.sum(swish(x, 2)), b: rowMax(t.transpose(x)), c: scaled(x, t.full([7], 1)).squares };
    const file = JSON.parse(JSON.stringify(exportPrograms({ program: { outputs } })));
    const runner = await Runner.create();
    const { programs } = await load<{ program: "a" | "b" | "c" }>(runner, file);
    const got = await programs.program.compute(feeds);
    for (const [name, { data }] of Object.entries(evaluate(outputs, { inputs: feeds })))
      expect([...got[name as "a"]]).toEqual([...data].map((value) => expect.closeTo(value, 3)));
    runner.destroy();
  });

  test.skipIf(!engine.traits.features.has("shader-f16"))(
    "compute in f32 of f16, and follow mixed precision",
    async () => {
      const half = input("x", [5, 7], "f16");
      const y = swish(half, 1.5);
      const m = t.tanh(rowMax(half));
      expect([y.dtype, m.dtype]).toEqual(["f16", "f16"]);
      const program = await engine.compile({ outputs: { y, m, s: scaled(half, t.full([7], 1, "f16")).y } });
      const got = await program.compute(feeds);
      const wanted = evaluate(
        { y: swish(x, 1.5), m: t.tanh(rowMax(x)), s: scaled(x, t.full([7], 1)).y },
        { inputs: feeds },
      );
      for (const name of ["y", "m", "s"] as const)
        got[name].forEach((value, i) => {
          expect(Math.abs(value - wanted[name].data[i]!)).toBeLessThan(5e-3);
        });
      program.destroy();
    },
  );
});

describe("errors in WGSL show the line as the user wrote it", () => {
  const one = (wgsl: string, functions = "") =>
    elementwise("wrong", { inputs: ["x"], wgsl, functions, reference: (x) => x, gradient: (dy) => dy })(x);
  const kernel = (wgsl: string, more: object = {}) =>
    customOp("broken", { inputs: ["x"], outputs: { y: ({ x }) => x.shape }, wgsl, ...more })(x);

  const rows: readonly [
    title: string,
    build: () => Outputs,
    place: string,
    line: string,
    mark: number,
    options?: object,
  ][] = [
    ["an expression", () => ({ y: one("x + foo(x)") }), "wrong: wgsl, line 1, column 5: ", "x + foo(x)", 4],
    ["its type", () => ({ y: one("  x < 1") }), "wrong: wgsl, line 1, column 3: ", "x < 1", 0],
    ["its end", () => ({ y: one("x *") }), "wrong: wgsl, line 1, column 4: ", "x *", 3],
    [
      "statements",
      () => ({ y: one("\n  let a = x;\n  return a + 1u;\n") }),
      "wrong: wgsl, line 3, column 10: ",
      "return a + 1u;",
      7,
    ],
    [
      "a return too few",
      () => ({ y: one("if (x > 0) { return x; }") }),
      "wrong: wgsl, line 1, column 25: ",
      "if (x > 0) { return x; }",
      24,
    ],
    [
      "functions",
      () => ({ y: one("bump(x)", "// A comment.\nfn bump(x: f32) -> f32 {\n  return x + y;\n}") }),
      "wrong: functions, line 3, column 14: ",
      "return x + y;",
      11,
    ],
    [
      "behind a product",
      () => ({ y: one("x + foo"), z: t.matmul(t.transpose(one("x + foo")), x) }),
      "wrong: wgsl, line 1, column 5: ",
      "x + foo",
      4,
    ],
    ["in a reduction", () => ({ y: t.sum(one("x + foo"), 1) }), "wrong: wgsl, line 1, column 5: ", "x + foo", 4],
    ["watched", () => ({ y: one("x + foo") }), "wrong: wgsl, line 1, column 5: ", "x + foo", 4, { checkFinite: true }],
    [
      "a body",
      () => ({ y: kernel("let i = id.x;\n  y_store(i, x(i) + foo);") }),
      "broken: wgsl, line 2, column 21: ",
      "y_store(i, x(i) + foo);",
      18,
    ],
    [
      "a position that is no whole number",
      () => ({ y: kernel("y_store(0, x(1.5));") }),
      "broken: wgsl, line 1, column 14: ",
      "y_store(0, x(1.5));",
      13,
    ],
    [
      "a value of another type",
      () => ({ y: kernel("y_store(0, 1u);") }),
      "broken: wgsl, line 1, column 12: ",
      "y_store(0, 1u);",
      11,
    ],
    [
      "a semicolon too few",
      () => ({ y: kernel("y_store(0, x(0))") }),
      "broken: wgsl, line 1, column 17: ",
      "y_store(0, x(0))",
      16,
    ],
    [
      "a barrier that not all reach",
      () => ({ y: kernel("if (x(id.x) > 0) { workgroupBarrier(); }\ny_store(id.x, 0);", { workgroups: 1 }) }),
      "broken: wgsl, line 1, column 20: ",
      "if (x(id.x) > 0) { workgroupBarrier(); }",
      19,
    ],
    [
      "a body's function",
      () => ({
        y: kernel("y_store(id.x, f());", { functions: "fn f() -> f32 {\n return x(0) * W;\n}", constants: { V: 1 } }),
      }),
      "broken: functions, line 2, column 16: ",
      "return x(0) * W;",
      14,
    ],
    [
      "what ends in other ops",
      () => ({ y: t.relu(kernel("y_store(id.x, foo);")) }),
      "broken: wgsl, line 1, column 15: ",
      "y_store(id.x, foo);",
      14,
    ],
    [
      "what shares a dispatch",
      () => ({ y: kernel("y_store(id.x, foo);"), z: t.sum(x, 0), v: one("x") }),
      "broken: wgsl, line 1, column 15: ",
      "y_store(id.x, foo);",
      14,
    ],
  ];

  test.each(rows)("%s", async (_, build, place, line, mark, options = {}) => {
    const error = await engine.compile({ outputs: build() }, options).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(error).toBeInstanceOf(t.DeviceError);
    expect(error!.message).toContain("does not compile\n");
    const at = error!.message.indexOf(`\n  ${place}`);
    expect(at, error!.message).toBeGreaterThan(0);
    const [, said, shown, caret] = error!.message.slice(at).split("\n");
    expect(said!.length).toBeGreaterThan(place.length + 5);
    expect(shown).toBe(`    ${line}`);
    expect(caret).toBe(`    ${" ".repeat(mark)}^`);
  });

  test.each([
    [() => one("x[0]"), "x is a number: the op computes one element at a time"],
    [() => one("x > 0 ? x : 0"), "WGSL has no ?:, write select(otherwise, value, condition)"],
    [() => one("x * 2u"), "WGSL converts no numbers by itself, write f32(…) around the u32"],
    [() => kernel("y_store(id.x, x[id.x]);"), "element i of x is x(i)"],
    [() => kernel("y[id.x] = 1; y_store(0, 1);"), "y_store(i, value) stores element i of y"],
  ])("a common slip gets a hint under its line: %#", async (build, hint) => {
    const error = await engine.compile({ outputs: { y: build() } }).then(
      () => undefined,
      (error: Error) => error,
    );
    const lines = error!.message.split("\n");
    expect(lines[lines.findIndex((line) => line.trim() === "^") + 1]).toBe(`    ${hint}`);
  });

  test("errors of two ops are shown, and other programs still run", async () => {
    const outputs = { a: one("x + foo"), b: kernel("y_store(id.x, bar);") };
    const reading = engine.compile({ outputs });
    await expect(reading).rejects.toThrow(
      /wrong: wgsl, line 1, column 5: .*foo|broken: wgsl, line 1, column 15: .*bar/,
    );
    await checked({ y: swish(x, 1) });
  });
});

describe("names of users and of our kernels stay apart", () => {
  test.each(["channel", "kernel", "row", "col"])(
    "an elementwise op called %s, after a convolution and a product",
    async (name) => {
      const op = elementwise(name, { inputs: ["x"], wgsl: "x * 2 + 1", reference: (x) => 2 * x + 1 });
      await checked(
        { y: op(t.conv2d(tensor([1, 2, 6, 6]), tensor([3, 2, 3, 3], 2), undefined, { padding: 1 })) },
        engine,
        {},
      );
      await checked({ y: op(t.matmul(tensor([8, 8]), tensor([8, 8], 3))) }, engine, {});
    },
  );

  test.each([
    ["row", "at"],
    ["put", "one"],
    ["load", "a"],
    ["begin", "b"],
    ["op", "twice"],
  ])("an elementwise op called %s with a function %s", async (name, helper) => {
    const functions = `fn ${helper}(v: f32) -> f32 { return 2 * v; }`;
    const op = elementwise(name, { inputs: ["x"], functions, wgsl: `${helper}(x) + 1`, reference: (x) => 2 * x + 1 });
    const image = t.conv2d(tensor([1, 2, 6, 6]), tensor([3, 2, 3, 3], 2), undefined, { padding: 1 });
    await checked({ y: op(image), z: op(t.matmul(tensor([8, 8]), tensor([8, 8], 3))), s: t.sum(op(x), 1) });
  });

  test("ops whose names continue each other's", async () => {
    const plus = (name: string, by: number) =>
      elementwise(name, { inputs: ["x"], wgsl: `x + ${by}`, reference: (x) => x + by });
    await checked({ y: plus("near", 1)(plus("near_1", 2)(plus("near2", 3)(x))) });
    await checked({ y: t.sum(plus("far_1", 1)(plus("far", 2)(x)), 0) });
  });

  test("whole constants of a kernel fit floats and integers, and divide like integers among themselves", async () => {
    const op = customOp("ratios", {
      inputs: ["x"],
      outputs: { y: () => [4] },
      constants: { A: 3, B: 2 },
      wgsl: "y_store(id.x, select(select(A * x(0), f32(id.x + A), id.x == 1), select(f32(A / B), f32(A) / B, id.x == 3), id.x > 1));",
      reference: ({ x }) => [3 * x.data[0]!, 4, 1, 1.5],
    });
    await checked({ y: op(x) });
  });

  const kernel = (name: string, functions: string, wgsl: string) =>
    customOp(name, {
      inputs: ["x"],
      outputs: { y: ({ x }: { x: unknown }) => x },
      functions,
      wgsl,
      reference: ({ x }: { x: { data: unknown } }) => x.data,
    } as never) as unknown as (x: Tensor) => Tensor;
  const four = input("x", [4]);
  const results = async (outputs: Outputs, options = {}) => {
    const program = await engine.compile({ outputs }, options);
    const got = await program.compute({ x: Float32Array.of(1, 2, 3, 4) });
    program.destroy();
    return Object.fromEntries(Object.entries(got).map(([name, data]) => [name, [...data]]));
  };

  test.each([
    "fn  help(v: f32) -> f32 { return v + 1; }",
    "fn\nhelp(v: f32) -> f32 { return v + 1; }",
    "/* one */ fn /* two */ help(v: f32) -> f32 { return v + 1; }",
    "const g = 1.0; fn help(v: f32) -> f32 { return v + g; }",
  ])("declarations however they are written: %s", async (functions) => {
    const body = "y_store(id.x, help(x(id.x)));";
    const [a, b] = [kernel("m1", functions, body), kernel("m2", "fn help(v: f32) -> f32 { return v + 2; }", body)];
    expect(await results({ a: a(four), b: b(four), c: t.sum(four) })).toEqual({
      a: [2, 3, 4, 5],
      b: [3, 4, 5, 6],
      c: [10],
    });
  });

  test("new names are not those of a user's variables", async () => {
    const own = elementwise("e1", {
      inputs: ["x"],
      functions: "const K = 5.0;",
      wgsl: "let op_e1_K = K + 1; return x * op_e1_K + K;",
      reference: (x) => 6 * x + 5,
    });
    expect(await results({ y: own(four) })).toEqual({ y: [11, 17, 23, 29] });
    const twice = kernel("n1", "const N = 2.0;", "y_store(id.x, N * x(id.x));");
    const more = kernel("n2", "const N = 3.0;", "let N_1 = N + 1; y_store(id.x, N_1 * x(id.x));");
    expect(await results({ a: twice(four), b: more(four) })).toEqual({ a: [2, 4, 6, 8], b: [4, 8, 12, 16] });
  });

  test("an elementwise op has no state between elements", () => {
    const define = () =>
      elementwise("counted", {
        inputs: ["x"],
        functions: "// count\nvar<private> n: f32;",
        wgsl: "n += 1; return x + n;",
        reference: (x) => x,
      });
    expect(define).toThrow(
      "elementwise counted: functions declare var<private> n, expected fn, struct, alias or const",
    );
  });

  test("members of structs, wherever comments are", async () => {
    const pair = "// pair\nstruct P { f /* first */ : f32, g: f32 }\nfn f(v: f32) -> f32 { return v; }";
    const op = elementwise("e2", {
      inputs: ["x"],
      functions: pair,
      wgsl: "let p = P(1, 2); return f(x) + p.f;",
      reference: (x) => x + 1,
    });
    expect(await results({ y: op(four) })).toEqual({ y: [2, 3, 4, 5] });
  });

  test.each(["kernel0", "put", "y_data_put", "y_data", "y_with0", "watched1", "largest1", "op_swish"])(
    "the name %s is refused where it is defined",
    (name) => {
      const define = () =>
        customOp("named", { inputs: [name], outputs: { y: name }, wgsl: "y_store(id.x, 1.0);" } as never);
      expect(define).toThrow(`"${name}" is taken: it is a name in tilegrad's kernels`);
    },
  );
});

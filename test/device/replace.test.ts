import { afterAll, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, input, type KernelText, losses, nn, optim, variable } from "../../src/index.ts";

const engine = await Engine.create();
afterAll(() => engine.destroy());

const a = input("a", [3, 4]);
const b = input("b", [4, 5]);
const feeds = {
  a: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
  b: Float32Array.from({ length: 20 }, (_, i) => Math.cos(i)),
};
const naive = { matmul: "naive" } as const;

test("a kernel runs the text that replaces it, and others keep theirs", async () => {
  const outputs = { y: t.matmul(a, b), sum: t.sum(b, 0) };
  const plain = await engine.compile({ outputs }, { variants: naive });
  const seen: KernelText[] = [];
  const doubled = await engine.compile(
    { outputs },
    {
      variants: naive,
      replaceKernel(kernel) {
        seen.push(kernel);
        return kernel.family === "matmul" ? kernel.wgsl.replace("var sum = 0.0;", "var sum = 1.0;") : undefined;
      },
    },
  );
  const [before, after] = [await plain.compute(feeds), await doubled.compute(feeds)];
  after.y.forEach((value, i) => {
    expect(value).toBeCloseTo(before.y[i]! + 1, 5);
  });
  expect(after.sum).toEqual(before.sum);
  const [product] = doubled.inspect().kernels.filter(({ family }) => family === "matmul");
  expect(product!.wgsl).toContain("var sum = 1.0;");
  expect(seen.map(({ family }) => family).sort()).toEqual(["matmul", "reduce"]);
  const { label, variant, workgroups } = seen.find(({ family }) => family === "matmul")!;
  expect({ label, variant, workgroups }).toEqual({
    label: "matmul[3x5x4]:f32",
    variant: "naive",
    workgroups: [1, 1, 1],
  });
  for (const program of [plain, doubled]) program.destroy();
});

test("an equal text gives equal losses, and one that zeroes its results stops learning", async () => {
  const train = async (edit: (wgsl: string) => string): Promise<number[]> => {
    nn.seed(3);
    const layer = nn.linear(4, 1, { bias: false });
    const x = input("x", [8, 4]);
    const loss = losses.mse(layer(x), t.sum(x, 1, true));
    const program = await engine.compile(
      { outputs: { loss }, updates: optim.sgd({ lr: 0.2 }).minimize(loss) },
      { variants: naive, replaceKernel: ({ family, wgsl }) => (family === "matmul" ? edit(wgsl) : undefined) },
    );
    const batch = { x: Float32Array.from({ length: 32 }, (_, i) => Math.sin(3 * i)) };
    const found: number[] = [];
    for (let step = 0; step < 30; step++) found.push((await program.compute(batch)).loss[0]!);
    program.destroy();
    engine.free(layer);
    return found;
  };
  const own = await train((wgsl) => wgsl);
  expect(own.at(-1)).toBeLessThan(0.2 * own[0]!);
  expect(await train((wgsl) => wgsl.replaceAll("sum", "total"))).toEqual(own);
  const zeroed = await train((wgsl) => wgsl.replace(/sum \+= (.*);/, "sum += 0.0 * ($1);"));
  expect(new Set(zeroed).size).toBe(1);
});

test("a text that does not compile is refused with its line and column", async () => {
  const compiling = engine.compile(
    { outputs: { y: t.matmul(a, b) } },
    { variants: naive, replaceKernel: ({ wgsl }) => wgsl.replace("var sum = 0.0;", "var sum = nothing;") },
  );
  await expect(compiling).rejects.toThrow(t.DeviceError);
  await expect(compiling).rejects.toThrow(
    /^kernel "matmul\[3x5x4\]:f32" \(matmul\/naive\) does not compile\n {2}line \d+, column \d+: .*nothing.*\n {4}var sum = nothing;$/,
  );
  const declares = engine.compile(
    { outputs: { y: t.matmul(a, b) } },
    {
      variants: naive,
      replaceKernel: ({ wgsl }) => wgsl.replace("var<storage, read> b", "var<storage, read_write> b"),
    },
  );
  await expect(declares).rejects.toThrow(/^kernel "matmul\[3x5x4\]:f32" \(matmul\/naive\) does not compile/);
});

test("what is no text, no function or no variant is refused", async () => {
  const compile = (options: object) => engine.compile({ outputs: { y: t.matmul(a, b) } }, options);
  await expect(compile({ replaceKernel: () => 3 })).rejects.toThrow(
    'compile: what replaceKernel returns for "matmul[3x5x4]:f32" is 3, expected WGSL as a string',
  );
  await expect(compile({ replaceKernel: "fn main() {}" })).rejects.toThrow(/replaceKernel is .*, expected a function/);
  await expect(compile({ variants: { matmul: "fastest" } })).rejects.toThrow(/^compile: variants: .*fastest/);
  await expect(compile({ variants: { matmul: "naive" }, replaceKernel: undefined })).resolves.toBeDefined();
});

test("a variant forced for one program is not forced for the next", async () => {
  const x = variable(1, [64, 64], { name: "x" });
  const outputs = { y: t.matmul(x, x) };
  const variantOf = async (options: object) => {
    const program = await engine.compile({ outputs }, options);
    const { variant } = program.inspect().kernels.find(({ family }) => family === "matmul")!;
    program.destroy();
    return variant;
  };
  const chosen = await variantOf({});
  expect(chosen).not.toBe("naive");
  expect(await variantOf({ variants: naive })).toBe("naive");
  expect(await variantOf({})).toBe(chosen);
});

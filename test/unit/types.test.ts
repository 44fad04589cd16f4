import { expect, expectTypeOf, test } from "vitest";
import * as t from "../../src/index.ts";
import { losses, nn, optim } from "../../src/index.ts";
import type { Output } from "../../src/runtime/output.ts";
import { counts, near, root, rowMax, scaled, swish } from "../custom.ts";

// What TypeScript knows about dtypes. `npm run types` fails if a type is wrong; the test fails if it is not the op's
// dtype.

/** Accepts the dtype in a tensor's type, or nothing if the type allows several. */
function gives<D extends t.DType>(tensor: t.Tensor<D>, dtype: [t.DType] extends [D] ? never : D): void {
  expect(tensor.dtype).toBe(dtype);
}

const x = t.input("x", [2, 3]);
const half = t.input("half", [2, 3], "f16");
const i = t.input("i", [2, 3], "i32");
const u = t.input("u", [2, 3], "u32");
const w = t.variable(new Float32Array(12), [4, 3]);
const image = t.input("image", [1, 2, 4, 4]);
const kernel = t.variable(new Float32Array(16), [2, 2, 2, 2]);

test("leaves have the dtype they were created with", () => {
  gives(x, "f32");
  gives(half, "f16");
  gives(i, "i32");
  gives(u, "u32");
  gives(w, "f32");
  gives(t.variable(new Int32Array(1), []), "i32");
  gives(t.variable(new Float32Array(1), [], { dtype: "f16" }), "f16");
  gives(t.constant(new Uint32Array(1), []), "u32");
  gives(t.constant(new Float32Array(1), [], "name", "f16"), "f16");
  gives(t.full([], 1), "f32");
  gives(t.full([], 1, "i32"), "i32");
  gives(t.zerosLike(u), "u32");
  gives(new t.Random(0).uniform([2]), "f32");
  gives(new t.Random(0).normal([2]), "f32");
  gives(new t.Random(0).bernoulli([2], 0.5), "i32");
  gives(new t.Random(0).randint([2], 0, 9), "i32");
  expectTypeOf(w.initial).toEqualTypeOf<Float32Array>();
});

test("ops propagate it", () => {
  gives(t.add(x, 1), "f32");
  gives(t.add(1, i), "i32");
  gives(t.mul(half, half), "f16");
  gives(t.relu(t.neg(x)), "f32");
  gives(t.abs(i), "i32");
  gives(t.lt(x, 1), "i32");
  gives(t.where(t.lt(u, 1), x, 0), "f32");
  gives(t.cast(x, "u32"), "u32");
  gives(t.pow(x, 2), "f32");
  gives(t.argmax(x), "i32");
  gives(t.maxWithIndex(half, 1).values, "f16");
  gives(t.maxWithIndex(half, 1).indices, "i32");
  gives(t.sum(i), "i32");
  gives(t.mean(half), "f16");
  gives(t.max(u, 0), "u32");
  gives(t.std(x), "f32");
  gives(t.ceil(half), "f16");
  gives(t.mod(u, 3), "u32");
  gives(t.any(x, 0), "i32");
  gives(t.all(u), "i32");
  gives(t.softmax(half), "f16");
  gives(t.matmul(x, t.transpose(w)), "f32");
  gives(t.linear(x, w), "f32");
  gives(t.conv2d(image, kernel), "f32");
  gives(t.maxPool2d(image, 2), "f32");
  gives(t.layerNorm(x, 3), "f32");
  gives(t.reshape(u, [6]), "u32");
  gives(t.concat([i, i]), "i32");
  gives(t.stack(t.split(i, 0, 1)), "i32");
  gives(t.gather(x, 1, i), "f32");
  gives(t.embedding(i, w), "f32");
  gives(t.oneHot(i, 3), "f32");
  gives(t.oneHot(i, 3, "i32"), "i32");
  gives(t.iota([2], 0), "i32");
  gives(t.scaledDotProductAttention(x, x, x), "f32");
  gives(t.attentionWeights(x, x), "f32");
  const [dx, dw] = t.grad(t.sum(t.linear(x, w)), [x, w]);
  gives(dx, "f32");
  gives(dw, "f32");
});

test("ops of users propagate it, and know their operands", () => {
  gives(swish(x, 1.5), "f32");
  gives(swish(half, half), "f16");
  gives(root(u), "u32");
  gives(near(x, 0, 0.5), "i32");
  gives(rowMax(half), "f16");
  gives(scaled(x, t.input("b", [3]), { a: 3 }).squares, "f32");
  gives(counts(t.input("labels", [4], "u32")), "u32");
  // @ts-expect-error an operand is missing
  expect(() => swish(x)).toThrow("expected 2: x, beta");
  // @ts-expect-error there is no such option
  expect(() => counts(t.input("labels", [4], "i32"), { class: 3 })).toThrow("class");
  // @ts-expect-error the option is a number
  expect(() => counts(t.input("labels", [4], "i32"), { classes: "3" })).toThrow("classes");
  const wrong = () =>
    t.customOp("wrong", {
      inputs: ["x"],
      outputs: { y: ({ x }) => x.shape },
      wgsl: "y_store(id.x, x(id.x));",
      // @ts-expect-error there is no such input
      gradient: { z: ({ dy }) => dy },
    });
  expect(wrong).toThrow("there is no input");
  const sparse = t.customOp("sparse", {
    inputs: ["x", "w"],
    outputs: { y: ({ x, w }) => [x.shape[0]!, w.shape[1]!], n: () => ({ shape: [], dtype: "u32" }) },
    options: { steps: 2, wide: false },
    constants: ({ y }, { steps, wide }) => ({ ROWS: y.shape[0]!, STEPS: wide ? 2 * steps : steps }),
    wgsl: "y_store(id.x, x(0) * w(0)); n_store(0, 1u);",
    gradient: {
      w: ({ x, w, y, n, dy }, { steps }) =>
        t.mul(t.add(t.sum(t.mul(dy, y)), t.cast(n, "f32")), t.mul(w, t.mul(t.sum(x), steps))),
    },
  });
  const { y, n } = sparse(x, w, { wide: true });
  gives(y, "f32");
  gives(n, "u32");
});

test("layers and losses return floats", () => {
  const model = nn.sequential(nn.linear(3, 4), nn.relu(), nn.dropout());
  gives(model(x), "f32");
  gives(nn.sequential({ first: nn.linear(3, 4) })(x), "f32");
  gives(nn.relu()(half), "f16");
  gives(nn.embedding(4, 2)(i), "f32");
  gives(nn.flatten()(i), "i32");
  gives(nn.module((x) => t.add(t.sum(x), model(x)))(x), "f32");
  gives(nn.module((x) => t.argmax(x, 1))(x), "i32");
  gives(
    nn.sequential(
      model,
      nn.module((x) => t.argmax(x, 1)),
    )(x),
    "i32",
  );
  gives(nn.lstm(3, 4)(t.input("s", [2, 1, 3])).cN, "f32");
  gives(nn.gruCell(3, 4)(x), "f32");
  gives(nn.multiheadAttention(4, 2)(t.input("s", [2, 1, 4])), "f32");
  gives(losses.mse(x, x), "f32");
  gives(losses.bceWithLogits(half, half), "f16");
  const loss = losses.crossEntropy(half, t.input("labels", [2], "i32"));
  gives(loss, "f32");
  gives(optim.adam().minimize(t.sum(model(x, { training: true }))).rate, "f32");
  // A model can be used wherever a module can, and a tensor of a known dtype wherever a tensor can.
  const block = (): nn.Module => nn.module((x) => t.reshape(x, [3, 2]));
  let y = x;
  y = nn.sequential(block(), ...[nn.relu(), block()])(y);
  const tensors: t.Tensor[] = [y, i, w];
  const variables: t.Variable[] = [w];
  expect(tensors.length + variables.length).toBe(4);
});

test("results are arrays of the matching type", () => {
  type Read<D extends t.DType> = Awaited<ReturnType<Output<D>["data"]>>;
  expectTypeOf<Read<"f32">>().toEqualTypeOf<Float32Array>();
  expectTypeOf<Read<"f32" | "f16">>().toEqualTypeOf<Float32Array>();
  expectTypeOf<Read<"i32">>().toEqualTypeOf<Int32Array>();
  expectTypeOf<Read<"u32">>().toEqualTypeOf<Uint32Array>();
  expectTypeOf<Read<t.DType>>().toEqualTypeOf<t.TensorData>();

  const compiled = async (engine: t.Engine) => {
    const program = await engine.compile({ outputs: { x: t.exp(x), i: t.argmax(x), wide: x as t.Tensor } });
    const { outputs } = program;
    expectTypeOf(outputs.x.data()).resolves.toEqualTypeOf<Float32Array>();
    expectTypeOf(outputs.i.data()).resolves.toEqualTypeOf<Int32Array>();
    expectTypeOf(outputs.wide.data()).resolves.toEqualTypeOf<t.TensorData>();
    expectTypeOf(program.compute()).resolves.toEqualTypeOf<{
      readonly x: Float32Array;
      readonly i: Int32Array;
      readonly wide: t.TensorData;
    }>();
    expectTypeOf(program.read(["i"])).resolves.toEqualTypeOf<{ readonly i: Int32Array }>();
    // @ts-expect-error unknown output
    outputs.y;
    expectTypeOf(engine.read(w)).resolves.toEqualTypeOf<Float32Array>();
    expectTypeOf(engine.read(w as t.Variable)).resolves.toEqualTypeOf<t.TensorData>();
    engine.write(w, new Float32Array(12));
    // @ts-expect-error an f32 variable does not accept an Int32Array
    engine.write(w, new Int32Array(12));
    const less: t.Program<{ x: t.Tensor }> = program;
    const any: t.Program = program;
    return [less, any];
  };
  expect(compiled).toBeTypeOf("function");
});

import { grad } from "../compile/grad.ts";
import { AttributeError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { floats, type Shape, sizeOf } from "../graph/shape.ts";
import { arrayOf, Tensor, type TensorData } from "../graph/tensor.ts";
import { sum } from "../ops/lines/reduce.ts";
import { add, mul } from "../ops/pointwise/arithmetic.ts";
import { constant, input } from "../ops/sources/constants.ts";
import { evaluate } from "./evaluate.ts";

/** What compiles and runs: an engine. */
interface Compiler {
  compile(description: { outputs: Record<string, Tensor> }): Promise<{
    compute(feeds: Record<string, TensorData>): Promise<Readonly<Record<string, TensorData>>>;
    destroy(): void;
  }>;
}

/** Relative to 1 + |value|: of results on a GPU, and of gradients against differences in float64. */
const tolerance = { f32: 2e-4, f16: 2e-2, i32: 0, u32: 0, differences: 1e-4 };

/** Elements of an operand whose gradient is compared with differences. */
const most = 24;

/**
 * Checks an op that you made, with `elementwise` or `customOp`, on a device: its results and gradients against its
 * `reference` in float64, and its gradients against differences of that reference. PyTorch's `opcheck` and `gradcheck`
 * in one.
 *
 * @example
 * const faults = await checkOp(engine, rowMax, [constant(new Float32Array([3, 1, 2, 4, 6, 5]), [2, 3])]);
 *
 * @param engine runs the op.
 * @param args what to call it with: tensors that no input feeds (constants or fresh variables), numbers, options. Away
 * from kinks and ties, where differences say nothing of gradients.
 * @returns what differs, in words, an empty list if nothing does. Without a gradient, only results are compared.
 * @throws TilegradError if the op has no `reference`; otherwise as the op, `grad` and `compile`.
 */
export async function checkOp(
  engine: Compiler,
  // biome-ignore lint/suspicious/noExplicitAny: an op knows its own arguments
  op: (...args: any[]) => Tensor | Readonly<Record<string, Tensor>>,
  args: readonly unknown[],
): Promise<readonly string[]> {
  const feeds: Record<string, TensorData> = {};
  const operands: Record<string, Tensor> = {};
  const given = args.map((arg, i) => {
    if (!(arg instanceof Tensor)) return arg;
    const fed = reachable([arg]).find((node) => node.op.source === "input");
    if (fed)
      throw new AttributeError(
        `checkOp: args[${i}] depends on the input "${fed.attrs["name"]}", which has no value here: pass a constant`,
      );
    const name = `operand ${i}`;
    const { dtype }: Tensor = arg;
    feeds[name] = arrayOf[dtype].from(evaluate([arg])[0]!.data);
    operands[name] = input(name, arg.shape, arg.dtype);
    return operands[name];
  });
  const made = op(...given);
  const results: Record<string, Tensor> = made instanceof Tensor ? { output: made } : { ...made };
  const weighed = Object.values(results).filter(({ dtype }) => floats.includes(dtype));
  const wrt = Object.entries(operands).filter(([, { dtype }]) => floats.includes(dtype));
  const loss = weighed
    .map((y) => sum(mul(y, weights(y))))
    .reduce<Tensor | undefined>((a, b) => (a ? add(a, b) : b), undefined);
  const gradients = loss ? gradientsOf(loss, wrt) : {};

  const all = { ...results, ...gradients };
  const program = await engine.compile({ outputs: all });
  const got = await program.compute(feeds);
  program.destroy();
  const wanted = evaluate(all, { inputs: feeds });
  const faults = Object.entries(wanted).flatMap(([name, { data, dtype }]) =>
    differences(name, got[name]!, data, tolerance[dtype], "on the device", "by its reference"),
  );
  for (const [name, x] of wrt) {
    const gradient = gradients[`gradient of ${name}`];
    if (!gradient || x.dtype !== "f32") continue;
    const at = (i: number, by: number) => {
      const moved = Float64Array.from(feeds[name]!);
      moved[i]! += by;
      return evaluate([loss!], { inputs: { ...feeds, [name]: moved } })[0]!.data[0]!;
    };
    const places = Array.from({ length: Math.min(most, x.size) }, (_, k) =>
      Math.floor((k * x.size) / Math.min(most, x.size)),
    );
    for (const i of places) {
      const step = 1e-4 * (1 + Math.abs(feeds[name]![i]!));
      const slope = (at(i, step) - at(i, -step)) / (2 * step);
      const value = wanted[`gradient of ${name}`]!.data[i]!;
      if (Math.abs(value - slope) <= tolerance.differences * (1 + Math.abs(slope))) continue;
      faults.push(`gradient of ${name}[${i}] is ${value}, by differences ${slope}`);
      break;
    }
  }
  return faults;
}

/** Gradients by name, none where the op has none. */
function gradientsOf(loss: Tensor, wrt: readonly (readonly [string, Tensor])[]): Record<string, Tensor> {
  try {
    const found = grad(
      loss,
      wrt.map(([, x]) => x),
    );
    return Object.fromEntries(wrt.map(([name], i) => [`gradient of ${name}`, found[i]!]));
  } catch (error) {
    if (error instanceof AttributeError && error.message.includes("has no gradient")) return {};
    throw error;
  }
}

/** Factors that let no error of one element make up for that of another. */
const weights = ({ shape, dtype }: { readonly shape: Shape; readonly dtype: Tensor["dtype"] }): Tensor =>
  constant(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => 1 + Math.sin(1.7 * i) / 2),
    shape,
    "weights",
    dtype,
  );

/** The first element that differs, in words. */
function differences(
  name: string,
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
  here: string,
  there: string,
): string[] {
  const at = Array.from(wanted).findIndex(
    (value, i) => !(Math.abs(got[i]! - value) <= tolerance * (1 + Math.abs(value))),
  );
  return at < 0 ? [] : [`${name}[${at}] is ${got[at]} ${here}, ${wanted[at]} ${there}`];
}

import { AttributeError, checkObject, optionsOf, refuse } from "../../errors.ts";
import { order } from "../../graph/print.ts";
import { checkDType, checkShape, type DType, type Shape } from "../../graph/shape.ts";
import { checkTensor, Tensor, Variable } from "../../graph/tensor.ts";
import { input } from "../../ops/index.ts";
import { type OutGraph, sameGraph } from "./proto.ts";

/*
 * A graph for batches of any size: a function of inputs is called with batches of two large primes, whose multiples are
 * sizes that the batch decides. All else must be equal in both graphs.
 */

/** One sample of an input: its shape without the batch, and its dtype, default f32. */
export type OnnxSample = Shape | { readonly shape: Shape; readonly dtype?: DType };

/** Tensors by name. */
// biome-ignore lint/suspicious/noExplicitAny: which dtype each has is known to the caller alone
export type OnnxTensors<K extends string = string> = Readonly<Record<K, Tensor<any>>>;

/** Pairs of primes: should a size of the model be a multiple of one, the next pair is tried. */
const batchSizes = [
  [100_003, 100_019],
  [100_043, 100_049],
] as const;

export type Traced = (inputs: OnnxTensors) => OnnxTensors;

/** Outputs for a batch of one size; of tensors without a function, no size stands for the batch. */
export interface Trace {
  readonly outputs: OnnxTensors;
  readonly inputs: readonly Tensor[];
  readonly batch?: number;
}

const call = "exportOnnx";

export const variablesIn = (roots: readonly Tensor[]): Variable[] =>
  order(roots).flatMap(({ results: [result] }) => (result instanceof Variable ? [result] : []));

/** @param what gives the outputs, in messages. */
export function checkOutputs(what: string, outputs: OnnxTensors): OnnxTensors {
  const expected = "{ name: tensor, … }";
  if (outputs instanceof Tensor) refuse(call, what, outputs, expected);
  checkObject(call, what, outputs, expected);
  for (const [name, tensor] of Object.entries(outputs)) checkTensor(call, `output "${name}"`, tensor);
  if (Object.keys(outputs).length === 0) throw new AttributeError(`${call}: there is no output`);
  return outputs;
}

/** The graph of a function. @param write graphs of the same outputs for several sizes of the batch. */
export async function openGraph(
  run: Traced,
  samples: Readonly<Record<string, OnnxSample>> | undefined,
  write: (traces: readonly Trace[]) => Promise<readonly OutGraph[]>,
): Promise<OutGraph> {
  if ("variables" in run)
    refuse(call, "the second argument", run, "a function: ({ x }) => ({ y: model(x, { training: false }) })");
  checkObject(call, "inputs", samples, "{ x: [sizes of a sample], … }, since the outputs are a function");
  const specs = Object.entries(samples!).map(([name, sample]) => ({ name, ...checkSample(name, sample) }));
  let made: Variable | undefined;
  for (const sizes of batchSizes) {
    const traces = sizes.map((batch) => {
      const inputs = specs.map(({ name, shape, dtype }) => input(name, [batch, ...shape], dtype));
      const given = Object.fromEntries(specs.map(({ name }, i) => [name, inputs[i]!]));
      return { outputs: checkOutputs("what the function returns", run(given)), inputs, batch };
    });
    const [graph, other] = await write(traces);
    if (sameGraph(graph!, other!)) return graph!;
    const [first, second] = traces.map(({ outputs }) => variablesIn(Object.values(outputs)));
    made = first!.find((variable) => !second!.includes(variable));
  }
  if (made)
    throw new AttributeError(
      `${call}: the function makes another variable "${made.name}" at each call: make the model before, and call it there`,
    );
  throw new AttributeError(
    `${call}: a number in the graph depends on the size of the batch: export tensors of one size instead of a function`,
  );
}

function checkSample(name: string, sample: OnnxSample): { shape: Shape; dtype: DType } {
  const what = `input "${name}"`;
  if (Array.isArray(sample)) return { shape: checkShape(`${call}: ${what}`, sample), dtype: "f32" };
  const expected = "the sizes of one sample, or { shape, dtype }";
  if (sample instanceof Tensor) refuse(call, what, sample, expected);
  checkObject(call, what, sample, expected);
  const { shape, dtype } = optionsOf(`${call}: ${what}`, sample as { shape: Shape; dtype?: DType }, {
    shape: undefined,
    dtype: "f32",
  });
  checkDType(`${call}: ${what}`, dtype);
  return { shape: checkShape(`${call}: ${what}`, shape), dtype };
}

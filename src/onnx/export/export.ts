import { AttributeError, checkObject, checkWhole, counted, optionsOf, refuse } from "../../errors.ts";
import { order } from "../../graph/print.ts";
import { checkShape, type DType, type Shape } from "../../graph/shape.ts";
import { checkTensor, type Tensor, type TensorData, Variable } from "../../graph/tensor.ts";
import { type Named, variablesOf } from "../../io/named.ts";
import { input } from "../../ops/index.ts";
import type { Runner } from "../../runtime/runner.ts";
import { encodeModel, type OutGraph, sameGraph } from "./proto.ts";
import { Writer } from "./writer.ts";

/** One sample of an input: its shape without the batch, and its dtype, default f32. */
export type OnnxSample = Shape | { readonly shape: Shape; readonly dtype?: DType };

/** Tensors by name. */
// biome-ignore lint/suspicious/noExplicitAny: which dtype each has is known to the caller alone
export type OnnxTensors<K extends string = string> = Readonly<Record<K, Tensor<any>>>;

/** `K` are the names of the inputs. */
export interface OnnxExportOptions<K extends string = string> {
  /**
   * Where `outputs` is a function: what one sample of each input consists of, such as `{ x: [784] }`. The model then
   * takes batches of any size: the first axis of each input and output is "batch". Default none.
   */
  readonly inputs?: Readonly<Record<K, OnnxSample>>;
  /** The model, or variables by name: weights have these names. Default: the names that variables were made with. */
  readonly model?: Named;
  /** Version of the operators, 17 to 22; default 17. */
  readonly opset?: number;
  /** A file beside the model for its weights, such as "model.onnx.data"; default: they are inside. */
  readonly external?: string;
  /** Texts by key that go along in the model's file, such as what its outputs mean; default none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An ONNX model. */
export interface OnnxFile {
  /** The model's file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The file beside it, by its name, with `external`; else empty. `importOnnx` takes it as `files`. */
  readonly files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
}

/** Primes that no other size is a multiple of: what depends on the batch shows in the sizes. */
const batchSizes = [100_003, 100_019] as const;

const versions = [17, 22] as const;

/**
 * Writes a graph as an ONNX model, with the present values of its variables. What a layer builds of several ops becomes
 * the operator that ONNX has for it: Gemm, Conv with its bias, BatchNormalization, LayerNormalization, LSTM with both
 * directions. Weights keep their names; those of recurrent layers are in ONNX's order of gates.
 *
 * @param outputs tensors by name, with the sizes that they have; or a function of inputs that returns them, for batches
 * of any size: `({ x }) => ({ scores: model(x, { training: false }) })`, with `inputs: { x: [784] }`.
 * @throws AttributeError that names all ops that ONNX lacks, such as gradients, updates and random numbers; LimitError
 * for files of 2 GiB and more.
 */
export async function exportOnnx<K extends string>(
  engine: Pick<Runner, "read">,
  outputs: OnnxTensors | ((inputs: OnnxTensors<K>) => OnnxTensors),
  options: OnnxExportOptions<K> = {},
): Promise<OnnxFile> {
  const op = "exportOnnx";
  const all = optionsOf(op, options as OnnxExportOptions, {
    inputs: undefined,
    model: undefined,
    opset: versions[0],
    external: undefined,
    metadata: {},
  });
  checkWhole(op, "opset", all.opset, ...versions);
  const { external, metadata } = all;
  if (external !== undefined && (typeof external !== "string" || !/^[^/\\]+$/.test(external)))
    refuse(op, "external", external, "the name of a file, without a folder");
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== "string") refuse(op, `metadata "${key}"`, value, "a text");
  const given = typeof outputs === "function" ? traced(outputs as Traced, all.inputs) : [checkOutputs(outputs)];
  const variables = new Set(
    order(Object.values(given[0]!.outputs)).flatMap(({ results: [result] }) =>
      result instanceof Variable ? [result] : [],
    ),
  );
  const names = namesOf(variables, all.model);
  const values = new Map<Variable, TensorData>();
  await Promise.all([...variables].map(async (variable) => values.set(variable, await engine.read(variable))));
  const problems = new Set<string>();
  const graphs = given.map(({ outputs: tensors, batch }) =>
    new Writer({
      opset: all.opset,
      batch,
      nameOf: (variable) => names.get(variable) ?? variable.name,
      valuesOf: (variable) => values.get(variable)!,
      problem: (text) => problems.add(text),
    }).write(tensors),
  );
  if (problems.size > 0)
    throw new AttributeError(
      `${op}: cannot write ${counted(problems.size, "thing")} for ONNX: ${[...problems].join("; ")}`,
    );
  const [graph, other] = graphs as [OutGraph, OutGraph | undefined];
  if (other && !sameGraph(graph, other))
    throw new AttributeError(
      `${op}: a number in the graph depends on the size of the batch: export tensors of one size instead of a function`,
    );
  const { bytes, outside } = encodeModel(graph, all.opset, external, metadata);
  return { bytes, files: outside ? { [external!]: outside } : {} };
}

type Traced = (inputs: OnnxTensors) => OnnxTensors;

interface Given {
  readonly outputs: OnnxTensors;
  readonly batch?: number;
}

function checkOutputs(outputs: OnnxTensors): Given {
  checkObject("exportOnnx", "the second argument", outputs, "{ name: tensor, … } or a function that returns it");
  for (const [name, tensor] of Object.entries(outputs)) checkTensor("exportOnnx", `output "${name}"`, tensor);
  if (Object.keys(outputs).length === 0) throw new AttributeError("exportOnnx: there is no output");
  return { outputs };
}

/** The outputs for two sizes of the batch. */
function traced(run: Traced, samples: OnnxExportOptions["inputs"]): Given[] {
  checkObject("exportOnnx", "inputs", samples, "{ x: [sizes of a sample], … }, since the outputs are a function");
  return batchSizes.map((batch) => {
    const inputs = Object.entries(samples!).map(([name, sample]) => {
      const { shape, dtype = "f32" } = Array.isArray(sample)
        ? { shape: sample as Shape }
        : (sample as { shape: Shape; dtype?: DType });
      return [name, input(name, [batch, ...checkShape(`exportOnnx: input "${name}"`, shape)], dtype)] as const;
    });
    return { ...checkOutputs(run(Object.fromEntries(inputs))), batch };
  });
}

/** The names of variables: those of the model, or their own. */
function namesOf(variables: ReadonlySet<Variable>, model: Named | undefined): ReadonlyMap<Variable, string> {
  if (model === undefined) return new Map();
  const names = new Map<Variable, string>();
  for (const [name, variable] of variablesOf("exportOnnx", model)) if (!names.has(variable)) names.set(variable, name);
  const other = [...variables].find((variable) => !names.has(variable));
  if (other) throw new AttributeError(`exportOnnx: variable "${other.name}" is no part of the model`);
  return names;
}

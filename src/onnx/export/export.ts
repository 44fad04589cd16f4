import { AttributeError, checkWhole, optionsOf, refuse } from "../../errors.ts";
import type { TensorData, Variable } from "../../graph/tensor.ts";
import { type Named, variablesOf } from "../../io/named.ts";
import type { Runner } from "../../runtime/runner.ts";
import { encodeModel, type OutGraph } from "./proto.ts";
import {
  checkOutputs,
  type OnnxSample,
  type OnnxTensors,
  openGraph,
  type Trace,
  type Traced,
  variablesIn,
} from "./trace.ts";
import { Writer } from "./writer.ts";

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

const op = "exportOnnx";

const versions = [17, 22] as const;

/**
 * Writes a graph as an ONNX model, with the present values of its variables. What a layer builds of several ops becomes
 * the operator that ONNX has for it: Gemm, Conv with its bias, BatchNormalization, LayerNormalization, LSTM with both
 * directions. Weights keep their names; those of recurrent layers are in ONNX's order of gates.
 *
 * @param outputs tensors by name, with the sizes that they have; or a function of inputs that returns them, for batches
 * of any size: `({ x }) => ({ scores: model(x, { training: false }) })`, with `inputs: { x: [784] }`. It is called with
 * batches of different, large sizes: what it decides by the size of the batch is decided once.
 * @throws AttributeError that names all ops that ONNX lacks, such as gradients, updates and random numbers; LimitError
 * for files of 2 GiB and more.
 */
export async function exportOnnx<K extends string>(
  engine: Pick<Runner, "read">,
  outputs: OnnxTensors | ((inputs: OnnxTensors<K>) => OnnxTensors),
  options: OnnxExportOptions<K> = {},
): Promise<OnnxFile> {
  if (typeof Object(engine).read !== "function") refuse(op, "the engine", engine, "an Engine");
  const all = optionsOf(op, options as OnnxExportOptions, {
    inputs: undefined,
    model: undefined,
    opset: versions[0],
    external: undefined,
    metadata: {},
  });
  checkWhole(op, "opset", all.opset, ...versions);
  const { external, metadata, opset } = all;
  if (external !== undefined && !isFileName(external))
    refuse(op, "external", external, "the name of a file, without a folder");
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== "string") refuse(op, `metadata "${key}"`, value, "a text");
  if (typeof outputs !== "function" && all.inputs !== undefined)
    refuse(op, "inputs", all.inputs, "none: tensors have their inputs, only a function is given some");
  const names = all.model && namesOf(all.model);
  const write = (traces: readonly Trace[]) => written(engine, traces, opset, names);
  const graph =
    typeof outputs === "function"
      ? await openGraph(outputs as Traced, all.inputs, write)
      : (await write([{ outputs: checkOutputs("the second argument", outputs), inputs: [] }]))[0]!;
  const { bytes, outside } = encodeModel(graph, opset, external, metadata);
  return { bytes, files: outside ? { [external!]: outside } : {} };
}

/** The graphs of outputs. @param names of all variables that may occur; absent: they have their own. */
async function written(
  engine: Pick<Runner, "read">,
  traces: readonly Trace[],
  opset: number,
  names: ReadonlyMap<Variable, string> | undefined,
): Promise<readonly OutGraph[]> {
  const variables = variablesIn(traces.flatMap(({ outputs }) => Object.values(outputs)));
  const values = new Map<Variable, TensorData>();
  await Promise.all(variables.map(async (variable) => values.set(variable, await engine.read(variable))));
  const [problems, hints] = [new Set<string>(), new Set<string>()];
  const graphs = traces.map(({ outputs, inputs, batch }) =>
    new Writer({
      opset,
      batch,
      nameOf: (variable) => names?.get(variable) ?? variable.name,
      valuesOf: (variable) => values.get(variable)!,
      problem(text, hint) {
        problems.add(text);
        if (hint !== undefined) hints.add(hint);
      },
    }).write(outputs, inputs),
  );
  if (problems.size > 0)
    throw new AttributeError(`${op}: ONNX has no form for ${[[...problems].join("; "), ...hints].join(". ")}`);
  const other = names && variables.find((variable) => !names.has(variable));
  if (other) throw new AttributeError(`${op}: variable "${other.name}" is no part of the model`);
  return graphs;
}

/** The names of a model's variables: of one that is there twice, the first. */
function namesOf(model: Named): ReadonlyMap<Variable, string> {
  const names = new Map<Variable, string>();
  for (const [name, variable] of variablesOf(op, model, "model")) if (!names.has(variable)) names.set(variable, name);
  return names;
}

/** Whether a name is that of a file in the same folder, wherever the model is put. */
function isFileName(name: unknown): boolean {
  if (typeof name !== "string" || ["", ".", ".."].includes(name)) return false;
  return [...name].every((letter) => letter >= " " && !["/", "\\", ":"].includes(letter));
}

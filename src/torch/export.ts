import { type Dataset, datasetSize } from "../data/dataset.ts";
import {
  AttributeError,
  checkChoice,
  checkHas,
  checkLike,
  checkObject,
  checkWhole,
  optionsOf,
  refuse,
} from "../errors.ts";
import { checkShape, type DType, type Shape } from "../graph/shape.ts";
import { checkTensor, Tensor, type Variable } from "../graph/tensor.ts";
import { saveCheckpoint } from "../io/checkpoint.ts";
import type { SafetensorsTensor } from "../io/dtypes.ts";
import { variablesOf } from "../io/named.ts";
import { serializeSafetensors } from "../io/safetensors.ts";
import { checkModel, type Model } from "../model/layers.ts";
import { input } from "../ops/sources/constants.ts";
import { numbered } from "../ops/sources/random.ts";
import type { Clip } from "../optim/clip.ts";
import { GroupedOptimizer } from "../optim/groups.ts";
import { parametersOf } from "../optim/optimizer.ts";
import type { Runner } from "../runtime/runner.ts";
import { Classes, functionLines } from "./classes.ts";
import { safetensorsText, trainText } from "./files.ts";
import { refuseAll } from "./graph.ts";
import { finished } from "./imports.ts";
import { type AnyOptimizer, optimizerText } from "./optimizers.ts";
import { indented, isName } from "./python.ts";
import { type Body, namesOf, Tracer } from "./trace.ts";

/** One sample of an input: its shape without the batch, and its dtype, default f32. */
export type SampleInput = Shape | { readonly shape: Shape; readonly dtype?: DType };

/** Tensors of the inputs, by name. */
// biome-ignore lint/suspicious/noExplicitAny: which dtype each has is known to the caller alone
export type Inputs<K extends string = string> = Readonly<Record<K, Tensor<any>>>;

/** `K` are the names of the inputs. */
export interface TorchOptions<K extends string = string> {
  /** The model: a module, or an object or list of modules. */
  readonly model: Model;
  /** What one sample consists of, by the names of the data's columns: `{ x: [784], y: { shape: [], dtype: "i32" } }`. */
  readonly inputs: Readonly<Record<K, SampleInput>>;
  /**
   * The loss of a batch, as in the program that trains: `({ x, y }) => losses.crossEntropy(model(x, { training: true }), y)`.
   * It must be a mean over the samples, so that the mean of the losses of equal parts is the loss of the whole.
   */
  readonly loss: (inputs: Inputs<K>) => Tensor;
  /** Further functions of the inputs, by name: each becomes a function of `model.py`. Default none. */
  readonly functions?: Readonly<Record<string, (inputs: Inputs<K>) => Tensor | Readonly<Record<string, Tensor>>>>;
  /** What trains the model; its state goes along. */
  readonly optimizer: AnyOptimizer;
  /** Bounds on gradients, as given to `minimize`. Default none. */
  readonly clip?: Clip | readonly Clip[];
  /** Samples to train with, for a file `data.safetensors`: a column for each input. Default none. */
  readonly data?: Dataset;
  /** Samples per batch, over all processes; default 64. */
  readonly batchSize?: number;
}

/** Files by their names: texts of Python, and bytes of safetensors. */
export type TorchFiles = Record<string, string | Uint8Array<ArrayBuffer>>;

/** Primes that no other size is a multiple of: what depends on the batch shows in the sizes. */
const batchSizes = [100_003, 100_019] as const;

/**
 * Writes a training run as a program for PyTorch (1.13 or later), which goes on where the run is: on one process, on
 * several machines with `torchrun` and DistributedDataParallel, or with FSDP.
 *
 * - `model.py`: the model as an `nn.Module` whose variables have the names they have here, the loss, and other functions.
 * - `optimizer.py`: the optimizer, its schedule and bounds on gradients, and how its state is loaded.
 * - `train.py`: goes on training. `safetensors_file.py`: reads and writes safetensors.
 * - `checkpoint.safetensors`: weights, moments and step, as `io.saveCheckpoint` writes them. The file that `train.py`
 *   saves comes back by `io.loadCheckpoint(engine, { model, optimizer: optimizer.state(nn.stateDict(model)) }, bytes)`.
 * - `data.safetensors`: the samples, with `data`.
 *
 * Random numbers differ: a dropout drops other elements. Batch normalisation sees the part of a batch that its process has.
 *
 * @throws AttributeError that names all layers, ops and settings that PyTorch's text lacks.
 */
export async function exportTorch<K extends string>(engine: Runner, options: TorchOptions<K>): Promise<TorchFiles> {
  return filesOf(engine, options as unknown as TorchOptions);
}

async function filesOf(engine: Runner, options: TorchOptions): Promise<TorchFiles> {
  const op = "exportTorch";
  const all = optionsOf(op, options, {
    model: undefined,
    inputs: undefined,
    loss: undefined,
    functions: {},
    optimizer: undefined,
    clip: undefined,
    data: undefined,
    batchSize: 64,
  }) as Required<Omit<TorchOptions, "data">> & Pick<TorchOptions, "data">;
  checkModel(op, "model", all.model);
  checkObject(op, "inputs", all.inputs, "{ x: [sizes of a sample], … }");
  checkLike(op, "loss", all.loss, checkModel);
  checkObject(op, "functions", all.functions, "{ name: a function of the inputs, … }");
  checkHas(op, "optimizer", all.optimizer, "minimize", "an optimizer");
  checkWhole(op, "batchSize", all.batchSize);
  const variables = variablesOf(op, all.model);
  const problems = new Set<string>();
  const modelText = textOfModel(all, variables, problems);
  const trained = trainedBy(all, variables);
  const state = all.optimizer.state(variables);
  const checkpoint = await saveCheckpoint(engine, { model: all.model as never, optimizer: state }, { format: "pt" });
  const { optimizer } = all;
  const lrs =
    optimizer instanceof GroupedOptimizer ? [optimizer.lr, ...optimizer.groups.map(({ lr }) => lr)] : [optimizer.lr];
  const rates = await Promise.all(lrs.map(async (lr) => shortest((await engine.read(lr))[0]!)));
  const text = optimizerText(optimizer, trained, rates, [all.clip ?? []].flat(), problems);
  refuseAll(op, problems);
  return {
    "model.py": modelText,
    "optimizer.py": text,
    "train.py": trainText.replace("BATCH_SIZE", `${all.batchSize}`),
    "safetensors_file.py": safetensorsText,
    "checkpoint.safetensors": checkpoint,
    ...(all.data && { "data.safetensors": dataFile(op, all.data, all.inputs) }),
  };
}

/** The number with the fewest digits that is the same in f32. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function textOfModel(
  options: Required<Omit<TorchOptions, "data">>,
  variables: ReadonlyMap<string, Variable>,
  problems: Set<string>,
): string {
  const [text, other] = batchSizes.map((batch) => {
    const tracer = new Tracer(batch, problems);
    const inputs = inputsOf(options.inputs, batch);
    const names = namesOf(options.model as never, "model");
    const functions = { loss: options.loss, ...options.functions };
    const bodies = Object.entries(functions).map(([name, run]) => functionText(name, run, inputs, names, tracer));
    const classes = new Classes(tracer.bodies, problems).write(options.model);
    return [classes, buildText(options, variables), ...bodies].join("\n\n\n");
  }) as [string, string];
  if (text === other) return finished('"""The model and its loss, written by tilegrad."""', text);
  const [a, b] = [text, other].map((each) => each.split("\n")) as [string[], string[]];
  const line = a.find((each, i) => each !== b[i])!;
  problems.add(`a number that depends on the size of the batch: ${line.trim()}`);
  return text;
}

function inputsOf(specs: TorchOptions["inputs"], batch: number): Map<string, Tensor> {
  const op = "exportTorch";
  return new Map(
    Object.entries(specs).map(([name, spec]) => {
      if (!isName(name)) throw new AttributeError(`${op}: input "${name}" has no name that Python takes`);
      const { shape, dtype } = Array.isArray(spec)
        ? { shape: spec as Shape, dtype: "f32" as const }
        : optionsOf(`${op}: input "${name}"`, spec as { shape: Shape; dtype?: DType }, {
            shape: undefined,
            dtype: "f32" as DType,
          });
      checkShape(`${op}: input "${name}"`, shape as Shape);
      checkChoice(op, `dtype of input "${name}"`, dtype, ["f32", "i32"]);
      return [name, input(name, [batch, ...(shape as Shape)], dtype)];
    }),
  );
}

function functionText(
  name: string,
  run: (inputs: Inputs) => Tensor | Readonly<Record<string, Tensor>>,
  inputs: ReadonlyMap<string, Tensor>,
  names: ReadonlyMap<object, string>,
  tracer: Tracer,
): string {
  const op = "exportTorch";
  if (!isName(name)) throw new AttributeError(`${op}: function "${name}" has no name that Python takes`);
  checkLike(op, name, run, checkModel);
  let keys: string[] | undefined;
  const body: Body = tracer.body(inputs, names, () =>
    numbered(() => {
      const given = run(Object.fromEntries(inputs) as Inputs);
      if (given instanceof Tensor) return [given];
      if (Object.prototype.toString.call(given) !== "[object Object]")
        refuse(op, `what ${name} returns`, given, "a tensor, or an object of tensors");
      keys = Object.keys(given);
      for (const key of keys) checkTensor(op, `"${key}" of ${name}`, given[key]);
      return Object.values(given);
    }),
  );
  return `def ${name}(${["model", ...inputs.keys()].join(", ")}):\n${indented(functionLines(body, keys))}`;
}

/** `build()`: the model, with weights that layers share, and what is not trained. */
function buildText(
  options: Pick<TorchOptions, "model" | "loss" | "inputs">,
  variables: ReadonlyMap<string, Variable>,
): string {
  const first = new Map<Variable, string>();
  const trained = trainedBy(options, variables);
  const lines: string[] = [];
  for (const [name, variable] of variables) {
    const owner = first.get(variable);
    if (owner === undefined) {
      first.set(variable, name);
      if (variable.group === "parameters" && !trained.has(name))
        lines.push(`model.get_parameter("${name}").requires_grad_(False)`);
      continue;
    }
    const dot = name.lastIndexOf(".");
    const kind = variable.group === "parameters" ? "parameter" : "buffer";
    lines.push(
      `model.get_submodule("${name.slice(0, Math.max(dot, 0))}").${name.slice(dot + 1)} = model.get_${kind}("${owner}")`,
    );
  }
  const all = [
    '"""A new model: layers that share weights do, and what the loss does not train stays as it is."""',
    "model = Model()",
    ...lines,
    "return model",
  ];
  return lines.length > 0
    ? `def build():\n${indented(all.join("\n"))}`
    : `def build():\n    """A new model."""\n    return Model()`;
}

/** The parameters that the loss trains, each under its first name. */
function trainedBy(
  { loss, inputs }: Pick<TorchOptions, "loss" | "inputs">,
  variables: ReadonlyMap<string, Variable>,
): Map<string, Variable> {
  const value = numbered(() => loss(Object.fromEntries(inputsOf(inputs, batchSizes[0])) as Inputs));
  checkTensor("exportTorch", "what loss returns", value);
  const trained = new Set(parametersOf(value));
  const found = new Map<string, Variable>();
  for (const [name, variable] of variables) if (trained.delete(variable)) found.set(name, variable);
  return found;
}

const dtypes: Readonly<Record<string, SafetensorsTensor["dtype"]>> = {
  Float32Array: "F32",
  Int32Array: "I32",
  Int16Array: "I16",
  Int8Array: "I8",
  Uint8Array: "U8",
  BigInt64Array: "I64",
};

/** The samples, a tensor for each input. */
function dataFile(op: string, data: Dataset, inputs: TorchOptions["inputs"]): Uint8Array<ArrayBuffer> {
  datasetSize(data);
  const tensors = Object.keys(inputs).map((name): [string, SafetensorsTensor] => {
    const column = data[name];
    if (!column) throw new AttributeError(`${op}: data has no "${name}", which is an input`);
    const spec = inputs[name]!;
    const isFloat = (Array.isArray(spec) ? "f32" : ((spec as { dtype?: DType }).dtype ?? "f32")) === "f32";
    // An input of floats takes integers, too: pixels, for instance.
    const values = isFloat ? Float32Array.from(column.data as ArrayLike<number>, Number) : column.data;
    const dtype = dtypes[values.constructor.name];
    if (!dtype) refuse(op, `data "${name}"`, values, "an array of floats, or of integers of 32 bits or fewer");
    return [name, { dtype, shape: [...column.shape], data: values } as SafetensorsTensor];
  });
  return serializeSafetensors(tensors);
}

import type { Bytes } from "../data/bytes.ts";
import { type Normalizer, type NormalizerState, normalizer as normalizerOf } from "../data/normalize.ts";
import {
  AttributeError,
  checkHas,
  checkObject,
  FormatError,
  optionsOf,
  refuse,
  show,
  TilegradError,
} from "../errors.ts";
import { checkDType, checkShape, type DType, type Shape } from "../graph/shape.ts";
import { variablesOf } from "../io/named.ts";
import { parseSafetensors, serializeSafetensors } from "../io/safetensors.ts";
import { loadTensors, tensorsOf } from "../io/weights.ts";
import { type Module, stateDict } from "../nn/module.ts";
import type { Runner } from "../runtime/runner.ts";
import { checksum } from "./checksum.ts";
import { isRecord } from "./format.ts";
import { type FromJSONOptions, fromJSON, parsed } from "./fromJSON.ts";
import type { Model } from "./layers.ts";
import { toJSON } from "./toJSON.ts";

/** One sample of what a model takes, without the batch. */
export interface SampleSpec {
  readonly shape: Shape;
  /** Default f32. */
  readonly dtype?: DType;
}

/** What a model file may hold besides the model: all that a program needs to predict. */
export interface ModelFileOptions {
  /** One sample of the input, without the batch: `{ shape: [28, 28] }`; default none. */
  readonly input?: SampleSpec;
  /** Names of the classes, in the order of the outputs; default none. */
  readonly labels?: readonly string[];
  /** What normalised the inputs in training; its `state` is saved. Default none. */
  readonly normalizer?: Normalizer;
  /** Texts of your own; default none. The name "tilegrad" is taken. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A model from a file, and all else in the file. */
export interface ModelFile<M extends Model = Module> {
  readonly model: M;
  readonly input: Required<SampleSpec> | undefined;
  readonly labels: readonly string[] | undefined;
  readonly normalizer: Normalizer | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The metadata that holds the description. */
const key = "tilegrad";

const fileOptions = { input: undefined, labels: undefined, normalizer: undefined, metadata: {} };

/**
 * Saves a model as one safetensors file: its weights, and in the file's metadata its description, see `toJSON`.
 * `loadModel` needs nothing else, and notices damage by a checksum of the weights. PyTorch reads the weights with
 * `safetensors.torch.load_file`.
 * @param model as `toJSON` takes it. Call `toJSON` before a long training: it throws if it cannot describe the model.
 * @param options what else a reader needs to predict; default nothing.
 * @throws AttributeError as `toJSON`, and for options of another form.
 */
export async function saveModel(
  engine: Runner,
  model: Model,
  options: ModelFileOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const op = "saveModel";
  const { input, labels, normalizer, metadata } = optionsOf(op, options, fileOptions);
  checkHas(op, "normalizer", normalizer, "apply", "what data.standardize or data.minMaxScale returned");
  checkObject(op, "metadata", metadata, "an object of texts");
  if (key in metadata) throw new AttributeError(`${op}: metadata may not be called "${key}", which holds the model`);
  const json = toJSON(model);
  const tensors = await tensorsOf(engine, variablesOf(op, model));
  const described = {
    ...json,
    crc32: checksum(tensors),
    ...(input !== undefined && { input: specOf(op, input) }),
    ...(labels !== undefined && { labels: textsOf(op, labels) }),
    ...(normalizer && { normalizer: normalizer.state }),
  };
  return serializeSafetensors(tensors, { ...metadata, [key]: JSON.stringify(described) });
}

/**
 * Loads a model that `saveModel` wrote: makes its layers and loads their weights. The file may come from anywhere; all
 * of it is checked, and it can ask for no more memory than it has weights.
 * @param bytes the whole file, an ArrayBuffer or a view of one.
 * @param options `custom` as in `fromJSON`, and the file's `name` in errors, default "model file".
 * @throws FormatError that names the place: for another file, a damaged one, and one that needs a function that is not
 * in `custom`.
 */
export function loadModel<M extends Model = Module>(
  engine: Runner,
  bytes: Bytes,
  options: Pick<FromJSONOptions, "custom" | "name"> = {},
): ModelFile<M> {
  const { custom, name } = optionsOf("loadModel", options, { custom: undefined, name: "model file" });
  const file = parseSafetensors(bytes, name);
  const { [key]: text, ...metadata } = file.metadata;
  if (text === undefined) {
    throw new FormatError(
      "tilegrad.train" in metadata
        ? `${name}: is a checkpoint of a training, without a description of its model: load it with trainer.load, then save the model with saveModel`
        : `${name}: has no metadata "${key}", which describes a model: for weights, use loadSafetensors`,
    );
  }
  const described = parsed(text, name);
  if (!isRecord(described))
    throw new FormatError(`${name}: the metadata "${key}" is ${show(described)}, expected an object`);
  const { crc32, input, labels, normalizer, ...json } = described;
  if (crc32 !== undefined && crc32 !== checksum(file.tensors))
    throw new FormatError(`${name}: its weights are not those that saveModel wrote: their checksum does not fit`);
  const elements = [...file.tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  const read = <T>(part: string, value: unknown, form: (value: never) => T): T | undefined =>
    value === undefined ? undefined : checked(`${name}: ${part}`, () => form(value as never));
  const others = {
    input: read("input", input, (spec) => specOf("input", spec)),
    labels: read("labels", labels, (texts) => textsOf("labels", texts)),
    normalizer: read("normalizer", normalizer, (state: NormalizerState) => normalizerOf(state)),
  };
  const model = fromJSON<M>(json, { ...(custom && { custom }), name, maxBytes: 4 * elements });
  loadTensors(engine, stateDict(model), file.tensors, { name });
  return { model, ...others, metadata };
}

/** What a check of a part gives; its fault as a FormatError. */
function checked<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof TilegradError) throw new FormatError(`${what}: ${cause.message.slice(0, 200)}`, { cause });
    throw cause;
  }
}

function specOf(op: string, spec: SampleSpec): Required<SampleSpec> {
  const { shape, dtype } = optionsOf(op, spec, { shape: undefined, dtype: "f32" });
  checkDType(op, dtype);
  return { shape: [...checkShape(op, shape)], dtype };
}

function textsOf(op: string, texts: readonly string[]): readonly string[] {
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string"))
    refuse(op, "labels", texts, "a list of texts");
  return texts;
}

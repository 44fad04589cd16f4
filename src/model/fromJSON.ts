import { checkNumber, FormatError, optionsOf, show } from "../errors.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Variable } from "../graph/tensor.ts";
import { type Module, stateDict } from "../nn/module.ts";
import { format, isRecord, mostDeep, within } from "./format.ts";
import {
  type Constructors,
  checkConstructors,
  checkModel,
  type Layer,
  layersOfNn,
  type Model,
  noteRecipe,
  partsKind,
  recipeOf,
} from "./layers.ts";

/** What a description may name beside the layers of `nn`. */
export interface FromJSONOptions {
  /**
   * Functions that the description names and nn lacks: what `custom` returned, `{ name: function }`, or for layers of
   * tilegrad/augment `import * as augment`. Default none.
   */
  readonly custom?: Constructors;
  /** Most bytes that the model's variables may take together; default 2³². A short text can ask for much memory. */
  readonly maxBytes?: number;
  /** What errors call the description; default "fromJSON". */
  readonly name?: string;
}

/** Most layers of a recurrent network. */
const mostLayers = 1000;

/**
 * Makes a model from the description that `toJSON` gave. Its weights start anew, as those of any new model.
 *
 * The description may come from anywhere. It is checked before anything is allocated, and only calls functions of nn
 * and those in `custom`; these get its arguments, so they must check them.
 * @param json the object, or its text.
 * @returns the model: a module, or the recurrent layer, cell, or object of modules that was described.
 * @throws FormatError that names the place: not a description, one of a later format, an unknown layer, an argument that
 * the layer refuses, or a model larger than `maxBytes`.
 */
export function fromJSON<M extends Model = Module>(json: unknown, options: FromJSONOptions = {}): M {
  const {
    custom = {},
    maxBytes,
    name,
  } = optionsOf("fromJSON", options, {
    custom: undefined,
    maxBytes: 2 ** 32,
    name: "fromJSON",
  });
  checkConstructors("fromJSON", custom);
  checkNumber("fromJSON", "maxBytes", maxBytes, "a number from 0", (n) => n >= 0);
  const described = parsed(json, name);
  if (!isRecord(described)) throw new FormatError(`${name}: got ${show(described)}, expected what toJSON returned`);
  const { format: version, model, ...others } = described;
  if (version !== format) throw new FormatError(`${name}: format is ${show(version)}, expected "${format}"`);
  const [surplus] = Object.keys(others);
  if (surplus !== undefined) throw new FormatError(`${name}: ${show(surplus)} is not a field of this format`);
  return new Builder(custom, maxBytes, name).layer(model, "model", "", 0) as Model as M;
}

/** JSON given as text, parsed; anything else as it is. */
export function parsed(json: unknown, name: string): unknown {
  if (typeof json !== "string") return json;
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new FormatError(`${name}: the text begins with ${show(json.slice(0, 40))}, expected JSON of toJSON`, {
      cause,
    });
  }
}

/** Makes the layers of one description. */
class Builder {
  readonly #custom: Constructors;
  readonly #makers: Constructors;
  readonly #maxBytes: number;
  readonly #name: string;
  readonly #made = new Map<string, Layer>();
  readonly #counted = new Set<Variable>();
  #bytes = 0;

  constructor(custom: Constructors, maxBytes: number, name: string) {
    this.#custom = custom;
    this.#makers = { ...layersOfNn, [partsKind]: partsOf as unknown as Constructors[string], ...custom };
    this.#maxBytes = maxBytes;
    this.#name = name;
  }

  /** @param place in the JSON. @param path of the layer in the model. */
  layer(json: unknown, place: string, path: string, depth: number): Layer {
    if (!isRecord(json)) return this.#fail(place, `is ${show(json)}, expected a layer: { layer, args }`);
    const own = (key: string): unknown => (Object.hasOwn(json, key) ? json[key] : undefined);
    const keys = Object.keys(json).sort().join();
    if (keys === "same") {
      const same = typeof own("same") === "string" ? this.#made.get(own("same") as string) : undefined;
      return same ?? this.#fail(`${place}.same`, `is ${show(own("same"))}, expected the path of an earlier layer`);
    }
    if (keys !== "args,layer") this.#fail(place, `has members ${show(keys)}, expected layer and args`);
    const [kind, args] = [own("layer"), own("args")];
    if (typeof kind !== "string") return this.#fail(`${place}.layer`, `is ${show(kind)}, expected a name`);
    // Layers of tilegrad/augment are called "augment.randomCrop", and their functions "randomCrop".
    const known = kind.replace(/^augment\./, "");
    if (!Object.hasOwn(this.#makers, known) || (known !== kind && !Object.hasOwn(this.#custom, known))) {
      const todo =
        known === kind
          ? "if it is yours, pass its function in { custom: { … } }"
          : 'import * as augment from "tilegrad/augment", and pass { custom: augment }';
      return this.#fail(`${place}.layer`, `is ${show(kind)}, which is no layer of nn: ${todo}`);
    }
    if (!Array.isArray(args)) return this.#fail(`${place}.args`, `is ${show(args)}, expected a list`);
    const given = args.map((arg, i) => {
      const inner =
        (kind === "sequential" ? isRecord(arg) : kind === partsKind) && !isLayer(arg) ? path : within(path, `${i}`);
      return arg === null ? undefined : this.#value(arg, `${place}.args[${i}]`, inner, depth + 1);
    });
    const made = this.#make(kind, this.#makers[known] as (...args: unknown[]) => Layer, given, place);
    this.#made.set(path, made);
    return made;
  }

  #value(value: unknown, place: string, path: string, depth: number): unknown {
    if (depth > mostDeep) this.#fail(place.slice(0, 60), `is nested deeper than ${mostDeep} levels`);
    if (Array.isArray(value))
      return value.map((item, i) => this.#value(item, `${place}[${i}]`, within(path, `${i}`), depth + 1));
    if (!isRecord(value)) return value;
    if (isLayer(value)) return this.layer(value, place, path, depth);
    const members = Object.entries(value).map(([name, member]) => [
      name,
      this.#value(member, `${place}.${name}`, within(path, name), depth + 1),
    ]);
    return Object.fromEntries(members);
  }

  #make(kind: string, make: (...args: unknown[]) => Layer, args: readonly unknown[], place: string): Layer {
    this.#checkSizes(kind, args, place);
    let layer: Layer;
    try {
      layer = make(...args);
      if (Object.hasOwn(this.#custom, kind)) layer = noteRecipe(layer, kind, args);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      return this.#fail(place, `(${kind}): ${message.slice(0, 240)}`, cause);
    }
    for (const variable of stateDict(layer).values()) {
      if (this.#counted.has(variable)) continue;
      this.#counted.add(variable);
      this.#bytes += 4 * sizeOf(variable.shape);
    }
    if (!(this.#bytes <= this.#maxBytes)) this.#tooLarge(place, this.#bytes);
    return layer;
  }

  /** Refuses what would take memory or time before its variables can be counted. */
  #checkSizes(kind: string, args: readonly unknown[], place: string): void {
    const options = args.find((arg) => isRecord(arg) && !recipeOf(arg)) as Record<string, unknown> | undefined;
    const layers = options && Object.hasOwn(options, "layers") ? options["layers"] : 0;
    if (/^(lstm|gru|rnn)/.test(kind) && (layers as number) > mostLayers)
      this.#fail(`${place} (${kind})`, `has ${show(layers)} layers, expected at most ${mostLayers}`);
    const bytes = 4 * (args[0] as number) * (args[1] as number);
    if (kind === "embedding" && this.#bytes + bytes > this.#maxBytes) this.#tooLarge(place, this.#bytes + bytes);
  }

  #tooLarge(place: string, bytes: number): never {
    throw new FormatError(
      `${this.#name}: with ${shortened(place)}, the variables take ${bytes} bytes, at most ${this.#maxBytes} are allowed`,
    );
  }

  #fail(place: string, fault: string, cause?: unknown): never {
    throw new FormatError(`${this.#name}: ${shortened(place)} ${fault}`, { cause });
  }
}

/** A place, kept short. */
const shortened = (place: string): string => (place.length > 100 ? `${place.slice(0, 40)}…${place.slice(-50)}` : place);

/** Whether an argument stands for a layer. */
const isLayer = (value: unknown): boolean =>
  isRecord(value) && (Object.hasOwn(value, "layer") || Object.hasOwn(value, "same"));

/** A model that is an object or a list of layers. */
function partsOf(parts: Model): Model {
  checkModel(partsKind, "the argument", parts);
  return parts;
}

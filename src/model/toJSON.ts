import { AttributeError, show } from "../errors.ts";
import {
  format,
  isRecord,
  type LayerJSON,
  type ModelJSON,
  mostDeep,
  placeOf,
  type ValueJSON,
  within,
} from "./format.ts";
import { checkModel, kindOf, type Layer, type Model, partsKind, recipeOf } from "./layers.ts";

/**
 * Describes a model as plain JSON, from which `fromJSON` makes it again: layers of the same kinds, with variables of the
 * same names and shapes. Weights, initial values, what is frozen, and a dropout's own source of random numbers are not
 * part of it; `saveModel` saves the weights, too.
 * @param model made of layers of nn and of tilegrad/augment, and of functions of yours that went through `custom`; or an
 * object or list of such models.
 * @throws AttributeError that names the layer: for an `nn.module` or `nn.stateless` made otherwise, and for an argument
 * that JSON cannot hold.
 */
export function toJSON(model: Model): ModelJSON {
  checkModel("toJSON", "the argument", model);
  const known: Known = new Map();
  const described = recipeOf(model)
    ? layerJSON(model as Layer, "", known, 0)
    : { layer: partsKind, args: [valueJSON(model, "the model", "", known, 0)] };
  return { format, model: described };
}

/** Paths of the layers described so far. */
type Known = Map<unknown, string>;

function layerJSON(layer: Layer, path: string, known: Known, depth: number): LayerJSON {
  const same = known.get(layer);
  if (same !== undefined && layer.variables.size > 0) return { same };
  known.set(layer, path);
  const recipe = recipeOf(layer)!;
  const [, , args] = recipe;
  const kind = kindOf(recipe);
  if (!args) {
    throw new AttributeError(
      `toJSON: ${placeOf(path)} is an nn.module or nn.stateless, whose function JSON cannot hold: ` +
        "make it by a function that went through custom({ … }), or save its weights alone: io.saveSafetensors",
    );
  }
  if (depth > mostDeep) throw new AttributeError(`toJSON: ${placeOf(path)} is nested deeper than ${mostDeep} layers`);
  const given = args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1);
  // The names of a sequential's layers are their paths, without the position of the object that holds them.
  const paths = (i: number) => (kind === "sequential" && isRecord(given[i]) ? path : within(path, `${i}`));
  const what = `of ${placeOf(path)} (${kind})`;
  return {
    layer: kind,
    args: given.map((arg, i) => valueJSON(arg, `argument ${i} ${what}`, paths(i), known, depth + 1)),
  };
}

function valueJSON(value: unknown, what: string, path: string, known: Known, depth: number): ValueJSON {
  if (value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "string" || Number.isFinite(value)) return value as ValueJSON;
  if (recipeOf(value)) return layerJSON(value as Layer, path, known, depth);
  if (depth > mostDeep) throw new AttributeError(`toJSON: ${what} is nested deeper than ${mostDeep} levels`);
  const inner = (part: unknown, name: string): ValueJSON =>
    valueJSON(part, `"${name}" in ${what}`, within(path, name), known, depth + 1);
  if (Array.isArray(value)) return value.map((item, i) => inner(item, `${i}`));
  if (isRecord(value) && !("layer" in value || "same" in value)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return Object.fromEntries(members.map(([name, member]) => [name, inner(member, name)]));
  }
  throw new AttributeError(
    `toJSON: ${what} is ${show(value)}, expected a finite number, a text, a boolean, a module, or a list or object of ` +
      'these (without members called "layer" or "same")',
  );
}

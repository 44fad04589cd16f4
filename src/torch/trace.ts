import { applyAll, type Node, type Op, Tensor, Variable } from "../graph/tensor.ts";
import { type LayerWatcher, watchLayers } from "../layer.ts";
import { isParts, kindOf, type Layer, type Model, recipeOf } from "../model/layers.ts";
import type { Parts } from "../nn/module.ts";
import { input } from "../ops/sources/constants.ts";
import { type LayerRow, layerRows } from "./layers.ts";
import { type Scope, written } from "./write.ts";

/** The call of a layer, as one node: what it returns has the shapes that the layer gives. */
const callOp: Op = { name: "call", infer: (_, { specs }) => specs };

/** What layers and variables are called within a module or a function: "self.body[0]". */
type Names = ReadonlyMap<object, string>;

/** The text of a function: its lines, and what it returns. */
export interface Body {
  readonly lines: readonly string[];
  readonly results: readonly string[];
}

/** Makes text of functions of tensors, with calls of layers in place of what layers do. */
export class Tracer {
  /** What modules of the user's do: the text of their `forward`. */
  readonly bodies = new Map<Layer, Body>();
  /** What cannot be written. */
  readonly problems: Set<string>;
  readonly #batch: number;
  readonly #calls = new Map<Node, (args: readonly string[]) => { text: string; results?: string }>();

  constructor(batch: number, problems: Set<string>) {
    this.#batch = batch;
    this.problems = problems;
  }

  /** The text of a function of tensors. @param names of the model's parts within it. */
  body(inputs: ReadonlyMap<string, Tensor>, names: Names, run: () => readonly Tensor[]): Body {
    const roots = watchLayers(this.#watcher(names), run);
    return written(roots, this.#scope(inputs, names));
  }

  #scope(inputs: ReadonlyMap<string, Tensor>, names: Names): Scope {
    return {
      inputs,
      batch: this.#batch,
      nameOf: (variable) => names.get(variable),
      callOf: (node, args) => this.#calls.get(node)?.(args),
      problem: (text) => this.problems.add(text),
    };
  }

  #watcher(names: Names): LayerWatcher {
    return (layer, args, run) => this.#called(layer as Layer, args, run, names);
  }

  #called(layer: Layer, args: readonly unknown[], run: (...args: never[]) => unknown, names: Names): unknown {
    const at = names.get(layer);
    const go = () => run(...(args as never[]));
    const recipe = recipeOf(layer)!;
    const kind = kindOf(recipe);
    const row = layerRows[kind];
    if (at === undefined) {
      // A layer made on the way: without variables, its ops say all.
      if (layer.variables.size === 0) return go();
      this.problems.add(`layer ${kind}, which a function calls but which is no part of the model`);
      return this.#call(kind, watchLayers(undefined, go), args, row, recipe[2]);
    }
    // Layers within a sequential are seen, so that modules of the user's among them are written.
    if (kind === "sequential") return this.#call(at, go(), args);
    if (row) return this.#call(at, watchLayers(undefined, go), args, row, recipe[2]);
    // The model's classes refuse it.
    if (kind in layersWithoutRow) return this.#call(at, watchLayers(undefined, go), args);
    return this.#call(at, this.#user(layer, args, run, at), args);
  }

  /** A module of the user's: writes its function. @returns what it gives. */
  #user(layer: Layer, args: readonly unknown[], run: (...args: never[]) => unknown, at: string): unknown {
    const [given, ...others] = args as [Tensor];
    const x = input("x", given.shape, given.dtype);
    const names = namesOf(recipeOf(layer)![0], "self");
    let result: Tensor | undefined;
    const body = this.body(new Map([["x", x]]), names, () => {
      result = run(...([x, ...others] as never[])) as Tensor;
      return [result];
    });
    const known = this.bodies.get(layer);
    if (known && JSON.stringify(known) !== JSON.stringify(body))
      this.problems.add(`module ${at}: it does other things in another call, with another shape or in evaluation`);
    this.bodies.set(layer, body);
    return result;
  }

  #call(at: string, result: unknown, args: readonly unknown[], row?: LayerRow, made: readonly unknown[] = []): unknown {
    const tensors: Tensor[] = [];
    /** The arguments, with a function of the texts in place of each tensor. */
    const pattern = (value: unknown): ((texts: readonly string[]) => unknown) => {
      if (value instanceof Tensor) {
        const i = tensors.push(value) - 1;
        return (texts) => texts[i];
      }
      if (Object.prototype.toString.call(value) !== "[object Object]") return () => value;
      const members = Object.entries(value as object).map(([key, member]) => [key, pattern(member)] as const);
      return (texts) => Object.fromEntries(members.map(([key, member]) => [key, member(texts)]));
    };
    const filled = args.map(pattern);
    const order = row?.results?.match(/\w+/g) ?? [];
    const results = result instanceof Tensor ? [result] : order.map((key) => (result as Record<string, Tensor>)[key]!);
    const specs = results.map(({ shape, dtype }) => ({ shape, dtype }));
    const called = applyAll(callOp, tensors, { specs });
    this.#calls.set(called[0]!.node, (texts) => {
      const given = filled.map((each) => each(texts));
      const unpacked = result instanceof Tensor || !row?.results ? {} : { results: row.results };
      try {
        return { text: row?.call ? row.call(at, given, made) : `${at}(${given[0]})`, ...unpacked };
      } catch (error) {
        this.problems.add(`${at}: ${(error as Error).message}`);
        return { text: at, ...unpacked };
      }
    });
    if (result instanceof Tensor) return called[0];
    return Object.fromEntries(order.map((key, i) => [key, called[i]]));
  }
}

/** Layers of nn that have no row. A module of the user's may not pass for them. */
const layersWithoutRow: Readonly<Record<string, true>> = { mixedPrecision: true };

/** What the parts of a module, and those within them, are called. @param at what the module itself is called. */
export function namesOf(parts: Parts | Model, at: string, names = new Map<object, string>()): Map<object, string> {
  const recipe = recipeOf(parts);
  if (recipe) {
    if (names.has(parts)) return names;
    names.set(parts, at);
    return namesOf(recipe[0], at, names);
  }
  if (parts instanceof Variable) {
    if (!names.has(parts)) names.set(parts, at);
    return names;
  }
  const members = parts instanceof Map ? parts : Object.entries(parts);
  for (const [name, part] of members as Iterable<[string, Parts]>) namesOf(part, member(at, name), names);
  return names;
}

/** A part of a module: `self.body`, `self.layers[0]`. */
const member = (at: string, name: string): string => (/^\d+$/.test(name) ? `${at}[${name}]` : `${at}.${name}`);

/** The parts of a model that is a module, or an object or list of modules. */
export const partsOf = (model: Model): Parts => (isParts(model) ? (model as Parts) : (recipeOf(model)?.[0] ?? {}));

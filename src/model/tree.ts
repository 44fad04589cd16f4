import { Variable } from "../graph/tensor.ts";
import type { Parts } from "../nn/module.ts";
import { within } from "./format.ts";
import { isParts, kindOf, type Layer, type Model, partsKind, recipeOf } from "./layers.ts";

/** A layer in its model. */
export interface TreeLayer {
  /** "" for the model itself, "body.0" for a layer in it. */
  readonly path: string;
  /** The function of nn that made it, without "nn."; "module" for one of yours, "parts" for an object or list of layers. */
  readonly kind: string;
  /** How many layers contain it. */
  readonly depth: number;
  /** Variables that are its own, and not those of a layer in it. */
  readonly variables: readonly Variable[];
}

/** All layers of a model, each before those in it. Layers made and used inside a function of yours are not seen. */
export function treeOf(model: Model): TreeLayer[] {
  const found: TreeLayer[] = [];
  const visit = (layer: Layer, path: string, depth: number): void => {
    const recipe = recipeOf(layer);
    const variables: Variable[] = [];
    found.push({ path, kind: recipe ? kindOf(recipe) : "module", depth, variables });
    // A layer around another one, with the same names: the other one is not shown apart.
    let parts: Parts = recipe ? recipe[0] : layer.variables;
    for (let inner = recipeOf(parts); inner; inner = recipeOf(parts)) parts = inner[0];
    gather(parts, path, depth, variables);
  };
  const gather = (parts: Parts, path: string, depth: number, own: Variable[]): void => {
    for (const [name, part] of parts instanceof Map ? parts : Object.entries(parts)) {
      const at = within(path, name);
      if (part instanceof Variable) own.push(part);
      else if (typeof part === "function") visit(part, at, depth + 1);
      else gather(part, at, depth, own);
    }
  };
  if (isParts(model)) {
    const variables: Variable[] = [];
    found.push({ path: "", kind: partsKind, depth: 0, variables });
    gather(model, "", 0, variables);
  } else visit(model, "", 0);
  return found;
}

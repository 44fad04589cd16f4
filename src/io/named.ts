import { refuse } from "../errors.ts";
import { Variable } from "../graph/tensor.ts";

/** Variables by name, or a model that has some. */
export type Named = ReadonlyMap<string, Variable> | { readonly variables: ReadonlyMap<string, Variable> };

/** The map of variables. @throws AttributeError for anything else. */
export function variablesOf(call: string, named: Named): ReadonlyMap<string, Variable> {
  const isModel = (typeof named === "object" || typeof named === "function") && named && "variables" in named;
  const map = isModel ? named.variables : named;
  if (!(map instanceof Map))
    return refuse(call, "the second argument", named, "a model, or a Map of variables by name");
  for (const [name, variable] of map)
    if (!(variable instanceof Variable)) refuse(call, `"${name}"`, variable, "a variable");
  return map;
}

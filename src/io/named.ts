import { refuse } from "../errors.ts";
import { Variable } from "../graph/tensor.ts";
import { type Parts, stateDict } from "../nn/module.ts";

/** A model, an object or list of modules, or variables by name. */
export type Named = Exclude<Parts, Variable>;

/** The variables by name. @throws AttributeError for anything else. */
export function variablesOf(call: string, named: Named): ReadonlyMap<string, Variable> {
  const kind = Object.prototype.toString.call(named);
  const isModel = typeof named === "function" && "variables" in named;
  if (!isModel && !["[object Map]", "[object Object]", "[object Array]"].includes(kind))
    return refuse(call, "the second argument", named, "a model, an object of modules, or a Map of variables by name");
  const map = named instanceof Map ? named : stateDict(named);
  if (map.size === 0 && Object.keys(named).length === 0 && !isModel && kind !== "[object Map]")
    return refuse(call, "the second argument", named, "a model, or an object with modules in it");
  for (const [name, variable] of map)
    if (!(variable instanceof Variable)) refuse(call, `"${name}"`, variable, "a variable");
  return map;
}

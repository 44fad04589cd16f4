import { refuse } from "../errors.ts";
import { Variable } from "../graph/tensor.ts";
import type { Parts } from "../nn/module.ts";

/** A model, an object or list of modules, or variables by name. */
export type Named = Exclude<Parts, Variable>;

/**
 * The variables by name. @param what gives them, in messages. @throws AttributeError for anything else.
 */
export function variablesOf(call: string, named: Named, what = "the second argument"): ReadonlyMap<string, Variable> {
  const kind = Object.prototype.toString.call(named);
  const isModel = typeof named === "function" && "variables" in named;
  if (!isModel && !["[object Map]", "[object Object]", "[object Array]"].includes(kind))
    return refuse(call, what, named, "a model, an object of modules, or a Map of variables by name");
  const map = named instanceof Map ? named : gathered(named);
  if (map.size === 0 && Object.keys(named).length === 0 && !isModel && kind !== "[object Map]")
    return refuse(call, what, named, "a model, or an object with modules in it");
  for (const [name, variable] of map)
    if (!(variable instanceof Variable)) refuse(call, `"${name}"`, variable, "a variable");
  return map;
}

/** As `nn.stateDict`, but without importing nn: pages that load weights on demand would load parts of nn at once. */
function gathered(parts: Parts, path = "", found = new Map<string, Variable>()): ReadonlyMap<string, Variable> {
  // What cannot be a part is refused by the caller, under its path.
  const isPart = typeof parts === "function" ? "variables" in parts : Object(parts) === parts;
  if (parts instanceof Variable || !isPart) return found.set(path, parts as Variable);
  const { variables = parts } = Object(parts) as { variables?: Parts };
  for (const [name, part] of variables instanceof Map ? variables : Object.entries(variables))
    gathered(part, path ? `${path}.${name}` : name, found);
  return found;
}

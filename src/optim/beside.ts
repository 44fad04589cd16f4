import type { Variable } from "../graph/tensor.ts";
import { variable } from "../ops/sources/constants.ts";

/**
 * A variable of a parameter's shape, laid out in memory as the parameters are: with those of one group of an optimizer
 * side by side, so that one dispatch updates a group.
 */
export function beside(
  parameter: Variable,
  first: Parameters<typeof variable>[0],
  options: { readonly name: string; readonly group: string },
): Variable {
  const made = variable(first, parameter.shape, options);
  if (parameter.arena) made.arena = `${options.group}, ${parameter.arena}`;
  return made;
}

import type { Variable } from "../graph/tensor.ts";

/**
 * Lays variables, one for each parameter, out in memory as the parameters are: those of one group of an optimizer side
 * by side, so that one dispatch updates a group. Only before a program gives them a place.
 */
export function layBeside(parameters: Iterable<Variable>, own: readonly Variable[]): void {
  for (const [i, { arena }] of [...parameters].entries()) if (arena) own[i]!.arena ??= `${own[i]!.group}, ${arena}`;
}

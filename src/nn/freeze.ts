import { AttributeError, noSuch, refuse } from "../errors.ts";
import { named, type Parts } from "./module.ts";

/**
 * Freezes variables: `minimize` leaves them out, no gradient of theirs is computed, and frozen batch normalisations use
 * their running statistics, also where the model is called with `{ training: true }`. Dropout still drops. Like
 * PyTorch's `requires_grad_(False)` and Keras's `trainable = False`, but for batch normalisation PyTorch needs
 * `eval()`, too. Call it before you build the graph: `model(x)` and `minimize` read it.
 *
 * @param parts a module, or an object of modules.
 * @param paths which of them: names of variables, or of parts of the model, such as "body" or "0.conv1". Default all.
 * @throws AttributeError for a path that leads to no variable.
 */
export function freeze(parts: Parts, ...paths: readonly string[]): void {
  setFrozen("nn.freeze", parts, paths, true);
}

/** The opposite of `freeze`. */
export function unfreeze(parts: Parts, ...paths: readonly string[]): void {
  setFrozen("nn.unfreeze", parts, paths, false);
}

function setFrozen(op: string, parts: Parts, paths: readonly string[], frozen: boolean): void {
  const variables = [...named(op, parts)];
  const below = (path: string) => variables.filter(([name]) => name === path || name.startsWith(`${path}.`));
  for (const path of paths) {
    if (typeof path !== "string") refuse(op, "a path", path, "a text");
    if (below(path).length > 0) continue;
    const known = variables.map(([name]) => name.slice(0, Math.max(0, name.lastIndexOf("."))) || name);
    throw new AttributeError(`${op}: ${noSuch("part", path, [...new Set(known)])}`);
  }
  const chosen = paths.length === 0 ? variables : paths.flatMap(below);
  for (const [, variable] of chosen) variable.frozen = frozen;
}

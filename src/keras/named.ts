import { quoted } from "../errors.ts";
import type { Dataset, Group } from "./hdf5/file.ts";
import type { LayerNode, SavedLayer } from "./saved.ts";

/*
 * Files of Keras 2 (`save_weights("….h5")`, `save("….h5")`), which Keras 3 still writes: each layer is a group that lists its
 * weights by path, such as "lstm/lstm_cell/kernel:0". Source: keras/src/legacy/saving/legacy_h5_format.py, `save_weights_to_hdf5_group`.
 */

type Fail = (fault: string) => never;

/** Whether a group has layers in the way of Keras 2. */
export const isNamed = (group: Group): boolean => listOf(group, "layer_names") !== undefined;

/** The layers of a group, in the model's order. @param model its configuration, if the file has it. */
export function namedLayers(group: Group, model: LayerNode | undefined, fail: Fail): SavedLayer[] {
  const names = listOf(group, "layer_names")!;
  return names.flatMap((name) => {
    const own = at(group, name);
    if (own?.kind !== "group") return fail(`lacks the layer ${quoted(name)}`);
    return layersIn(own, name, nodeNamed(model, [name]), fail);
  });
}

/** The layers in the group of a layer: one, or those of a model within the model. */
function layersIn(group: Group, name: string, node: LayerNode | undefined, fail: Fail): SavedLayer[] {
  const found = new Map<string, SavedLayer & { readonly variables: Map<string, Dataset> }>();
  for (const path of listOf(group, "weight_names") ?? fail(`layer ${quoted(name)} has no list of weights`)) {
    const dataset = at(group, path);
    if (dataset?.kind !== "dataset") return fail(`layer ${quoted(name)} lacks the weight ${quoted(path)}`);
    const { within, reverse, variable } = partsOf(path, name);
    // The state of dropout's random numbers.
    if (variable === "seed_generator_state") continue;
    const key = `${[name, ...within]}${reverse}`;
    const inner = nodeNamed(node, within);
    const { className, config = {} } = inner?.wrapped ?? inner ?? {};
    const layer = found.get(key) ?? {
      name: [name, ...within].join("."),
      className,
      config,
      variables: new Map<string, Dataset>(),
      reverse,
    };
    if (layer.variables.has(variable)) return fail(`layer ${quoted(layer.name)} has two weights ${quoted(variable)}`);
    layer.variables.set(variable, dataset);
    found.set(key, layer);
  }
  return [...found.values()];
}

/** What the path of a weight says: the models within `layer`, the direction of a Bidirectional, and the variable. */
function partsOf(path: string, layer: string): { within: string[]; reverse: boolean; variable: string } {
  const parts = path.replace(/:\d+$/, "").split("/");
  const variable = parts.pop()!;
  // Before the layer's name are those of the models around it.
  const within = parts.slice(parts.lastIndexOf(layer) + 1);
  if (/_cell(_\d+)?$/.test(within.at(-1) ?? "")) within.pop();
  const direction = /^(forward|backward)_/.exec(within.at(-1) ?? "")?.[1];
  if (direction) within.pop();
  return { within, reverse: direction === "backward", variable };
}

/** The layer in a configuration to which names lead. */
const nodeNamed = (node: LayerNode | undefined, names: readonly string[]): LayerNode | undefined =>
  names.reduce((model, name) => model?.layers.find((layer) => layer.name === name), node);

/** The member of a group at a path. */
const at = (group: Group, path: string): Group | Dataset | undefined =>
  path
    .split("/")
    .reduce<Group | Dataset | undefined>(
      (inner, name) => (inner?.kind === "group" ? inner.members.get(name) : undefined),
      group,
    );

/** A list of names, which Keras divides over "name0", "name1", … if it is too long for one attribute. */
function listOf(group: Group, name: string): readonly string[] | undefined {
  const whole = group.attributes.get(name);
  if (whole !== undefined) return typeof whole === "string" ? [whole] : whole;
  const pieces: string[] = [];
  for (let i = 0; ; i++) {
    const piece = group.attributes.get(`${name}${i}`);
    if (piece === undefined) return i === 0 ? undefined : pieces;
    pieces.push(...(typeof piece === "string" ? [piece] : piece));
  }
}

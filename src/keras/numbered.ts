import type { Dataset, Group } from "./hdf5/file.ts";
import { type LayerNode, type SavedLayer, snakeCase } from "./saved.ts";

/*
 * Files of Keras 3 (`model.weights.h5` in a `.keras` file, `save_weights("….weights.h5")`): a group for each object that the
 * model holds, with variables as "vars/0", "vars/1", …, and the layers of a model in "layers", by their classes: "dense", "dense_1".
 * Source: keras/src/saving/saving_lib.py, `_save_state` and `_save_container_state`.
 */

/** Names of the group of layers; TensorFlow 2.12 wrote the second. */
const containers = ["layers", "_layer_checkpoint_dependencies"];

/** What is beside layers, and has no weights. */
const others = ["vars", "optimizer", "seed_generator"];

/** Whether a file is of Keras 3. */
export const isNumbered = (root: Group): boolean => ["vars", ...containers].some((name) => root.members.has(name));

/** The layers of a file. @param model its configuration, if there is one. */
export const numberedLayers = (root: Group, model: LayerNode | undefined): SavedLayer[] => layersOf(root, [], model);

/** A layer and those within it. @param className what the file's names tell, in place of a configuration. */
function layersOf(
  group: Group,
  path: readonly string[],
  node: LayerNode | undefined,
  className: string | undefined = node?.className,
): SavedLayer[] {
  const groups = [...group.members].filter((member): member is [string, Group] => member[1].kind === "group");
  const found = new Map(groups);
  const recurrent = recurrentLayers(found, path, node);
  if (recurrent) return recurrent;
  const inner = found.get("layer");
  if (inner && node?.className !== undefined && node.wrapped) return layersOf(inner, path, node.wrapped);
  const own = savedLayer(group, path, node, className);
  return [
    ...(own ? [own] : []),
    ...groups
      .filter(([name]) => !others.includes(name))
      .flatMap(([name, member]) =>
        containers.includes(name) ? containedLayers(member, path, node) : attributeLayers(member, path, name),
      ),
  ];
}

/** A layer that is an attribute of its model. Without a name of its own, Keras called it after its class. */
function attributeLayers(group: Group, path: readonly string[], key: string): SavedLayer[] {
  const name = ownName(group);
  return layersOf(group, [...path, name ?? key], undefined, name?.replace(/_\d+$/, ""));
}

/** The layers in "layers", whose groups are called after their classes. */
function containedLayers(group: Group, path: readonly string[], model: LayerNode | undefined): SavedLayer[] {
  const counts = new Map<string, number>();
  const nodes = new Map(
    model?.layers.map((node) => {
      const name = snakeCase(node.className);
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      return [count === 0 ? name : `${name}_${count}`, node] as const;
    }),
  );
  return [...group.members].flatMap(([key, member]) => {
    if (member.kind !== "group") return [];
    // A Sequential's input layer is in its configuration, but not among its layers; no other layer is of that class.
    const node = nodes.get(key);
    const name = node?.name ?? ownName(member) ?? key;
    return layersOf(member, [...path, name], node, node?.className ?? key.replace(/_\d+$/, ""));
  });
}

/** Layers around a cell, and Bidirectional, which has two of them. */
function recurrentLayers(
  found: ReadonlyMap<string, Group>,
  path: readonly string[],
  node: LayerNode | undefined,
): SavedLayer[] | undefined {
  const [forward, backward, cell] = ["forward_layer", "backward_layer", "cell"].map((name) => found.get(name));
  if (forward && backward) {
    const [first, second] = [forward, backward].map((half) => layersOf(half, path, node?.wrapped));
    return [...first!, ...second!.map((layer) => ({ ...layer, reverse: true }))];
  }
  const own = cell && savedLayer(cell, path, node, node?.className ?? "rnn");
  return own && [own];
}

/** The layer whose variables a group has itself. */
function savedLayer(
  group: Group,
  path: readonly string[],
  node: LayerNode | undefined,
  className: string | undefined,
): SavedLayer | undefined {
  const vars = group.members.get("vars");
  if (vars?.kind !== "group") return undefined;
  const variables = new Map(
    [...vars.members].filter((member): member is [string, Dataset] => member[1].kind === "dataset"),
  );
  if (variables.size === 0) return undefined;
  return { name: path.join("."), className, config: node?.config ?? {}, variables, reverse: false };
}

/** The name that a layer has in its model. */
function ownName(group: Group): string | undefined {
  const vars = group.members.get("vars");
  const name = vars?.attributes.get("name");
  return typeof name === "string" ? name : undefined;
}

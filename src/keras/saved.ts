import type { Dataset } from "./hdf5/file.ts";

/** A layer as a file has it. */
export interface SavedLayer {
  /** Its name in results: "dense", or "encoder.dense" within another model. */
  readonly name: string;
  /** Keras's class, such as "Conv2D", if the file tells it. */
  readonly className: string | undefined;
  /** The arguments of the class; empty if the file lacks them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By Keras's names, such as "kernel"; by numbers, in the order in which the layer made them, if the file has no names. */
  readonly variables: ReadonlyMap<string, Dataset>;
  /** Whether it is the backward half of a Bidirectional. */
  readonly reverse: boolean;
}

/** A layer in the configuration of a model. */
export interface LayerNode {
  readonly name: string | undefined;
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The layers of a model within the model. */
  readonly layers: readonly LayerNode[];
  /** The layer in a wrapper, such as TimeDistributed or Bidirectional. */
  readonly wrapped: LayerNode | undefined;
}

/** Models within models, and wrappers within wrappers. */
const deepest = 32;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The layer that a piece of a configuration describes; undefined for what describes none. */
export function layerNode(value: unknown, depth = 0): LayerNode | undefined {
  if (!isObject(value) || typeof value.class_name !== "string" || depth > deepest) return undefined;
  // Keras 1 wrote the list of layers in place of the arguments.
  const config = isObject(value.config) ? value.config : {};
  const layers = Array.isArray(value.config) ? value.config : config.layers;
  const name = config.name ?? value.name;
  return {
    name: typeof name === "string" ? name : undefined,
    className: value.class_name,
    config,
    layers: (Array.isArray(layers) ? layers : []).flatMap((each) => layerNode(each, depth + 1) ?? []),
    wrapped: layerNode(config.layer, depth + 1),
  };
}

/** "Conv2DTranspose" as "conv2d_transpose": how Keras makes names of classes. */
export const snakeCase = (className: string): string =>
  className
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();

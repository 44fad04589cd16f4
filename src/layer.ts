let current = "";

/** Path of the layer being applied ("encoder.0"), "" outside of any. */
export const currentLayer = (): string => current;

/** Runs a function as part of a layer: the nodes it creates belong to the layer, and errors name it. */
export function inLayer<T>(path: string, run: () => T): T {
  const outer = current;
  current = path;
  try {
    return run();
  } finally {
    current = outer;
  }
}

/** ` in layer "encoder.0"`, for messages; empty outside of layers. */
export const showLayer = (layer: string | undefined): string => (layer ? ` in layer "${layer}"` : "");

/**
 * Takes the place of a call of a layer. @param run the call itself; `layer` is the module. See `watchLayers`.
 */
export type LayerWatcher = (layer: object, args: readonly unknown[], run: (...args: never[]) => unknown) => unknown;

let watcher: LayerWatcher | undefined;

/** Calls a layer, or asks the watcher to. */
export const callLayer = (layer: object, args: readonly unknown[], run: (...args: never[]) => unknown): unknown =>
  watcher ? watcher(layer, args, run) : run(...(args as never[]));

/** Runs a function with a watcher in place of all calls of layers; `undefined` for none. */
export function watchLayers<T>(next: LayerWatcher | undefined, run: () => T): T {
  const outer = watcher;
  watcher = next;
  try {
    return run();
  } finally {
    watcher = outer;
  }
}

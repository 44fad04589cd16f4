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

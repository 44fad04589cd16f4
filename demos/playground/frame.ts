/** Points along a side of the surfaces. */
export const side = 40;

/** What the page draws after some steps. */
export interface Frame {
  /** Steps since the weights were drawn. */
  readonly step: number;
  /** Epochs since then, as a fraction. */
  readonly epoch: number;
  /** Steps until the epoch ends. */
  readonly left: number;
  /** Mean losses, of the points to train on and of the others. */
  readonly loss: { readonly train: number; readonly test: number };
  /** Share of the test points whose class is right; undefined for regression. */
  readonly accuracy: number | undefined;
  /** Units of all layers, from the inputs to the output. */
  readonly sizes: readonly number[];
  /** The value of each unit after the inputs at `side` × `side` points of the plane, unit by unit, from top left. */
  readonly surfaces: Float32Array;
  /** Weights `[units, inputs]` of each layer, one after the other. */
  readonly weights: Float32Array;
}

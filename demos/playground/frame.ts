import { reach } from "./problems.ts";

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
  /** Mean losses, of the points to train on and of the others; NaN where there are none. */
  readonly loss: { readonly train: number; readonly test: number };
  /** Share of the test points whose class is right; undefined for regression, or without such points. */
  readonly accuracy: number | undefined;
  /** Units of all layers, from the inputs to the output. */
  readonly sizes: readonly number[];
  /** The value of each unit after the inputs at `side` × `side` points of the plane, unit by unit, from top left. */
  readonly surfaces: Float32Array;
  /** Weights `[units, inputs]` of each layer, one after the other. */
  readonly weights: Float32Array;
  /** Biases of all units, layer by layer. */
  readonly biases: Float32Array;
  /** The norm of the gradient of the training loss with respect to each layer's weights. */
  readonly norms: Float32Array;
  /** The learning rate of the next step. */
  readonly rate: number;
}

/** Where a weight or bias is. */
export interface Place {
  /** From 0, the first hidden layer. */
  readonly layer: number;
  readonly kind: "weight" | "bias";
  /** In `[units, inputs]` or `[units]`. */
  readonly index: number;
}

/** The points of the surfaces, row by row from the top left. */
export function grid(): Float32Array<ArrayBuffer> {
  const at = (i: number): number => reach * ((2 * (i + 0.5)) / side - 1);
  return Float32Array.from({ length: 2 * side * side }, (_, i) => {
    const point = i >> 1;
    return i % 2 === 0 ? at(point % side) : -at(Math.floor(point / side));
  });
}

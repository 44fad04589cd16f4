import { FormatError, ShapeError } from "../../errors.ts";
import { showShape } from "../../graph/shape.ts";
import type { OpNode } from "../node.ts";
import { most } from "../value.ts";

/** How a window moves along the axes behind batch and channels, one number for each axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Number of positions. */
  readonly size: readonly number[];
}

/** The window of a convolution or pooling over axes of sizes `spatial`. */
export function windowOf(node: OpNode, spatial: readonly number[], kernel: readonly number[]): Window {
  const ones = spatial.map(() => 1);
  const strides = node.ints("strides") ?? ones;
  const dilations = node.ints("dilations") ?? ones;
  for (const [name, list] of Object.entries({ kernel_shape: kernel, strides, dilations })) {
    if (list.length !== spatial.length || !list.every((n) => n >= 1))
      throw new FormatError(`${name} is [${list.join(", ")}], expected ${spatial.length} numbers from 1`);
  }
  const reach = kernel.map((n, axis) => dilations[axis]! * (n - 1) + 1);
  const mode = node.text("auto_pad", "NOTSET");
  const pads = mode === "NOTSET" ? (node.ints("pads") ?? [...ones, ...ones].fill(0)) : [...ones, ...ones].fill(0);
  const low = pads.slice(0, spatial.length);
  const high = pads.slice(spatial.length);
  if (mode.startsWith("SAME")) {
    spatial.forEach((n, axis) => {
      const positions = Math.ceil(n / strides[axis]!);
      const total = Math.max(0, (positions - 1) * strides[axis]! + reach[axis]! - n);
      const less = Math.floor(total / 2);
      low[axis] = mode === "SAME_LOWER" ? total - less : less;
      high[axis] = total - low[axis]!;
    });
  }
  const isCeil = node.int("ceil_mode", 0) !== 0;
  const size = spatial.map((n, axis) => {
    const steps = (n + low[axis]! + high[axis]! - reach[axis]!) / strides[axis]!;
    const count = (isCeil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that would start in the padding at the end is dropped.
    return isCeil && (count - 1) * strides[axis]! >= n + low[axis]! ? count - 1 : count;
  });
  if (!size.every((n) => n >= 1 && n <= most))
    throw new ShapeError(`a window of ${showShape(kernel)} does not fit an image of ${showShape(spatial)}`);
  return { kernel, strides, dilations, low, high, size };
}

/** How far the windows reach beyond the image at the end; less than `high` where the last positions do not fit. */
export const reached = ({ kernel, strides, dilations, low, size }: Window, spatial: readonly number[]): number[] =>
  spatial.map((n, axis) =>
    Math.max(0, (size[axis]! - 1) * strides[axis]! + dilations[axis]! * (kernel[axis]! - 1) + 1 - n - low[axis]!),
  );

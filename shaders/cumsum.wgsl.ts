import { along } from "./lib/along.ts";
import { array, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { sumOf } from "./lib/half.wgsl.ts";
import type { Declaration, Kernel, View } from "./lib/kernel.ts";
import { sizeOf } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** Running sums or products of x along an axis, each line by itself. y is row-major. */
export interface Running {
  readonly x: View;
  readonly y: View;
  readonly axis: number;
}

/** The definition: one invocation for each line, one element after the other. */
export const cumsumNaive = (p: Running): Kernel =>
  kernel({
    ...lines(p),
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let x_from = x_line(i);
      let y_from = y_line(i);
      var sum = ${sumOf(p.x.dtype)}();
      for (var t = 0u; t < LENGTH; t++) {
        sum += x(x_at(x_from, t));
        y_put(y_at(y_from, t), sum);
      }`,
  });

/**
 * The same with smaller errors: blocks of 64 are summed by themselves, and 64 blocks, so that what is added is not much smaller than what
 * it is added to. Of n terms the error grows with n / 4096.
 */
export const cumsumBlocks = (p: Running): Kernel =>
  kernel({
    ...lines(p),
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let x_from = x_line(i);
      let y_from = y_line(i);
      var before = ${sumOf(p.x.dtype)}();
      for (var a = 0u; a < LENGTH; a += 4096u) {
        var blocks = ${sumOf(p.x.dtype)}();
        for (var b = a; b < min(a + 4096u, LENGTH); b += 64u) {
          var block = ${sumOf(p.x.dtype)}();
          for (var t = b; t < min(b + 64u, LENGTH); t++) {
            block += x(x_at(x_from, t));
            y_put(y_at(y_from, t), before + (blocks + block));
          }
          blocks += block;
        }
        before += blocks;
      }`,
  });

/** The definition of running products. */
export const cumprodNaive = (p: Running): Kernel =>
  kernel({
    ...lines(p),
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let x_from = x_line(i);
      let y_from = y_line(i);
      var product = ${sumOf(p.x.dtype)}(1);
      for (var t = 0u; t < LENGTH; t++) {
        product *= x(x_at(x_from, t));
        y_put(y_at(y_from, t), product);
      }`,
  });

function lines({ x, y, axis }: Running): Omit<Declaration, "body"> {
  const shape = y.shape.map((n, k) => (k === axis ? 1 : n));
  return {
    workgroup: workgroupSize,
    parts: [array("x", x), along("x", x, axis, shape), result("y", y), along("y", y, axis, shape)],
    constants: { COUNT: [sizeOf(shape), "lines"], LENGTH: [y.shape[axis]!, "elements of a line"] },
  };
}

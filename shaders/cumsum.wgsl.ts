import { along } from "./lib/along.ts";
import { array, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { sumOf } from "./lib/half.wgsl.ts";
import type { Declaration, Kernel, View } from "./lib/kernel.ts";
import { sizeOf } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** Cumulative sums or products of x along an axis. y is row-major. */
export interface Running {
  readonly x: View;
  readonly y: View;
  readonly axis: number;
}

/** The definition: one invocation per line, one element at a time. */
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
 * The same with smaller rounding errors: sums blocks of 64, and groups of 64 blocks, so that both operands of an
 * addition are of similar size. For n terms, the error grows with n / 4096.
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

/** The definition of cumulative products. */
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
    constants: { COUNT: [sizeOf(shape), "lines"], LENGTH: [y.shape[axis]!, "elements per line"] },
  };
}

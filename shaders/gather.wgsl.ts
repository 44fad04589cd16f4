import { along, coordinateAt } from "./lib/along.ts";
import { array, result, strided } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, View } from "./lib/kernel.ts";
import { sizeOf } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** y[…, i, …] = x[…, index[…, i, …], …] along an axis. y is row-major. */
export interface Gathering {
  readonly x: View;
  readonly index: View;
  readonly y: View;
  readonly axis: number;
}

/** The definition: one invocation per result. Indices are clamped to the axis. */
export const gather = ({ x, index, y, axis }: Gathering): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("x", x), along("x", x, axis, y.shape), strided("index", index), result("y", y)],
    constants: { COUNT: [sizeOf(y.shape), "results"], LAST: [`${x.shape[axis]! - 1}`, "last index of the axis"] },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let t = u32(clamp(index(i), 0, LAST));
      y_store(i, x[x_at(x_line(i), t)]);`,
  });

/** y = x, with source[…, j, …] added to y[…, index[…, j, …], …] along an axis. */
export interface Scattering extends Gathering {
  readonly source: View;
}

/**
 * The definition: one invocation per result, searching all indices of its line. It needs no atomics and adds in a fixed
 * order, so results are bitwise reproducible.
 */
export function scatterAdd({ x, index, source, y, axis }: Scattering): Kernel {
  const { shape } = y;
  // Along other axes, the index may be smaller than the result.
  const fewer = index.shape.flatMap((n, k) => (k !== axis && n < shape[k]! ? [k] : []));
  return kernel({
    workgroup: workgroupSize,
    parts: [
      strided("x", x),
      array("index", index),
      along("index", index, axis, shape),
      array("source", source),
      along("source", source, axis, shape),
      result("y", y),
    ],
    constants: { COUNT: [sizeOf(shape), "results"], LENGTH: [index.shape[axis]!, "indices per line"] },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      var sum = x(i);
      #if ${fewer.length > 0}
      if (${fewer.map((k) => `${coordinateAt(shape, k, "i")} >= ${index.shape[k]!}u`).join(" || ")}) { y_put(i, sum); return; }
      #endif
      let here = i32(${coordinateAt(shape, axis, "i")});
      let index_from = index_line(i);
      let source_from = source_line(i);
      for (var j = 0u; j < LENGTH; j++) {
        if (index(index_at(index_from, j)) == here) { sum += source(source_at(source_from, j)); }
      }
      y_put(i, sum);`,
  });
}

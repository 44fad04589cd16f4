import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { widened } from "./lib/half.wgsl.ts";
import type { Kernel } from "./lib/kernel.ts";
import { matrixEnd } from "./lib/results.ts";
import { inMatrix, type Stack } from "./lib/stack.ts";
import { shifted } from "./lib/view.wgsl.ts";
import { type Product, size } from "./matmul.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/** Results of an invocation of `matmulDots`. */
export const dots = 8;

/**
 * A vector times a matrix whose columns are contiguous: the variant for WebAssembly. Each invocation computes eight dot
 * products. It reads eight columns at once, four steps along K at a time, and adds the four parts of a sum at the end.
 */
export function matmulDots(p: Product, workgroup: number): Kernel {
  const four = (name: string, { view }: Stack, at: string) =>
    `vec4f(${each(4, (i) => widened(view.dtype, `${name}[${shifted(at, i)}]`)).join(", ")})`;
  return kernel({
    workgroup,
    width: 4,
    parts: [
      { buffers: [bufferOf("a", p.a.view, "read"), bufferOf("b", p.b.view, "read")] },
      matrixEnd(p.end, size(p), 4),
    ],
    constants: { K: [p.k, "products per result"] },
    body: wgsl`
      let batch = id.y;
      let col = id.x * ${dots}u;
      if (col >= COLS) { return; }
      let a_from = ${inMatrix(p.a, "batch", "0u", "0u")};
      ${each(dots, (c) => {
        // Columns past the end are the last one again, and are not stored.
        const column = c === 0 ? "col" : `min(${shifted("col", c)}, COLS - 1u)`;
        return [`let b_from${c} = ${inMatrix(p.b, "batch", "0u", column)};`, `var sum${c} = vec4f();`];
      })}
      for (var k = 0u; k < K; k += 4u) {
        let a_at = a_from + k;
        let a0 = ${four("a", p.a, "a_at")};
        ${each(dots, (c) => [`let b_at${c} = b_from${c} + k;`, `sum${c} += ${four("b", p.b, `b_at${c}`)} * a0;`])}
      }
      ${each(dots / 4, (j) => {
        const parts = each(4, (i) => `sum${4 * j + i}`).join(", ");
        return `finish(batch, 0u, ${shifted("col", 4 * j)}, transpose(mat4x4f(${parts})) * vec4f(1.0));`;
      })}`,
  });
}

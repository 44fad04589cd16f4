import { array, bufferOf, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { acrossOf, depthOf, factorB } from "./lib/factors.ts";
import { widened } from "./lib/half.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { matrixEnd } from "./lib/results.ts";
import { inMatrix, type Stack } from "./lib/stack.ts";
import { plus, type Scalar, shifted } from "./lib/view.wgsl.ts";
import { finishAll, type Product, size, sums } from "./matmul.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/** Results of an invocation of `matmulPacked`: a row of four times eight numbers, and two of b, fit 16 registers. */
const packedTile = { rows: 4, columns: 2 } as const;

/** A factor in panels: for each matrix of a stack, or once for all, [panels, K, lines in a panel]. */
export interface Panels {
  /** [K, N]: a factor as the second one. */
  readonly factor: Stack;
  readonly k: number;
  readonly lines: number;
  readonly type: Scalar;
  /** Lines in a panel, in vec4s. */
  readonly fours: number;
}

/** b in panels of eight columns. */
export const panelsOfB = ({ b, k, cols, type }: Product): Panels => ({
  factor: b,
  k,
  lines: cols,
  type,
  fours: packedTile.columns,
});

/** a in panels of four rows, unless its rows can be walked as they are. */
export const panelsOfA = ({ a, k, rows, type }: Product): Panels | undefined =>
  a.strides[1] <= 1
    ? undefined
    : { factor: { ...a, strides: [a.strides[1], a.strides[0]] }, k, lines: rows, type, fours: packedTile.rows / 4 };

export const panelShape = ({ factor, k, lines, fours }: Panels, batches: number): readonly number[] => [
  isShared(factor) ? 1 : batches,
  Math.ceil(lines / (4 * fours)),
  k,
  4 * fours,
];

/** Whether all products of a stack have one matrix. */
const isShared = ({ batch }: Stack): boolean => batch.strides.every((stride) => stride === 0);

/**
 * Copies a factor into panels, which `matmulPacked` reads from one end to the other. Each invocation copies a few steps
 * along K of a panel.
 */
export const matmulPack = ({ factor, k, lines, type, fours }: Panels, packed: View, workgroup: number): Kernel => {
  const depth = depthOf(k);
  return kernel({
    workgroup,
    width: 4,
    parts: [
      factorB({ a: factor, b: factor, k, type, cols: lines }, { rows: 1, columns: fours }),
      result("packed", packed, 4),
    ],
    constants: {
      K: [k, "steps"],
      STEPS: [Math.ceil(k / depth), `of ${depth} along K`],
      PANELS: [packed.shape[1]!, `of ${4 * fours} lines`],
    },
    body: wgsl`
      let batch = id.y;
      let panel = id.x / STEPS;
      let q = id.x % STEPS;
      let col = panel * ${4 * fours}u;
      if (panel >= PANELS) { return; }
      begin_b();
      load_b(q, ${depth});
      let to = ((batch * PANELS + panel) * K + q * ${depth}u) * ${fours}u;
      ${each(depth * fours, (i) => {
        const [d, c] = [Math.floor(i / fours), i % fours];
        const put = `packed_put(to + ${i}u, b${c}[${d}]);`;
        return k % depth === 0 || d === 0 ? put : [`if (q * ${depth}u + ${d}u < K) {`, `  ${put}`, "}"];
      })}`,
  });
};

/** The panels of `matmulPacked`. */
export interface Packed {
  readonly a?: View | undefined;
  readonly b: View;
}

/**
 * The variant for WebAssembly, where a vec4 is one register and few of them are all there is. Each invocation computes
 * 4 × 8 results, one step of K at a time, with a number of a in all four lanes. b is packed before, and a where its rows
 * are not contiguous: see `matmulPack`.
 *
 * Neighbouring invocations share a panel of b, which stays in the cache while rows of a pass by.
 */
export const matmulPacked = (p: Product, packed: Packed, workgroup: number): Kernel =>
  kernel({
    workgroup,
    width: 4,
    parts: [
      rowsOfTile(p, packed.a),
      array("packed", packed.b, 4),
      matrixEnd(p.end, size(p), 4),
      {
        accessors: {
          row_of: (i) => `row + ${i} / ${packedTile.columns}u`,
          col_of: (i) => `col + 4u * (${i} % ${packedTile.columns}u)`,
        },
      },
    ],
    constants: {
      K: [p.k, "products per result"],
      TILES_M: [Math.ceil(p.rows / packedTile.rows), `of ${packedTile.rows} rows`],
      PANELS: [packed.b.shape[1]!, `of ${acrossOf(packedTile)} columns`],
    },
    body: wgsl`
      let batch = id.y;
      let row = id.x % TILES_M * ${packedTile.rows}u;
      let panel = id.x / TILES_M;
      let col = panel * ${acrossOf(packedTile)}u;
      if (panel >= PANELS) { return; }
      let first = ${isShared(p.b) ? "panel" : "(batch * PANELS + panel)"} * K * ${packedTile.columns}u;
      ${sums(packedTile, (sum) => `var ${sum} = vec4f();`)}
      for (var k = 0u; k < K; k++) {
        ${each(packedTile.columns, (c) => `let b${c} = packed(first + k * ${packedTile.columns}u + ${c}u);`)}
        ${each(packedTile.rows, (r) => [
          `let a${r} = vec4f(a_at(${r}, k));`,
          ...each(packedTile.columns, (c) => `sum${r}_${c} += b${c} * a${r};`),
        ])}
      }
      ${finishAll(packedTile)}`,
  });

/** `a_at(r, k)`: an element of row r of the tile. */
function rowsOfTile({ a, type }: Product, packed: View | undefined): Part {
  const at = (r: number, k: string): string =>
    packed
      ? plus(isShared(a) ? "" : "batch * (TILES_M * K * 4u)", "row * K", `${k} * ${packedTile.rows}u`, `${r}u`)
      : inMatrix(a, "batch", shifted("row", r), k);
  return {
    buffers: [bufferOf("a", packed ?? a.view, "read")],
    accessors: { a_at: (r, k) => widened(packed ? "f32" : type, `a[${at(Number(r), k!)}]`) },
  };
}

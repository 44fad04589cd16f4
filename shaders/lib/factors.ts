import { each } from "../wgsl.ts";
import { bufferOf } from "./array.ts";
import { widened } from "./half.wgsl.ts";
import type { Accessor, Part } from "./kernel.ts";
import { matrixOf, vectorOf } from "./matrix.wgsl.ts";
import { swapped } from "./quads.wgsl.ts";
import { type Made, making } from "./results.ts";
import { loadsVectors, type Stack } from "./stack.ts";
import { elementAt, inVec4, plus, type Scalar, shifted, times } from "./view.wgsl.ts";

/** Results that one invocation keeps in registers: rows, and columns in groups of four. */
export interface RegisterTile {
  readonly rows: number;
  readonly columns: number;
  /** Whether four neighbouring invocations share rows, each with its own columns, and share their loads of a. */
  readonly quads?: boolean;
}

/** The factors of a product: [M, K] · [K, N]. */
export interface Factors {
  readonly a: Stack;
  readonly b: Stack;
  readonly k: number;
  readonly type: Scalar;
  /** Columns of the result. */
  readonly cols: number;
  /** Present if a is computed as it is loaded; K must then be divisible by 4. */
  readonly made?: Made | undefined;
}

/** Steps along K per iteration. A divisor of K is best: a remainder takes a second copy of the code. */
export const depthOf = (k: number): number => [4, 3, 2].find((n) => k % n === 0) ?? 4;

/** Columns of a register tile, or of the four in a quad. */
export const acrossOf = ({ columns, quads = false }: RegisterTile): number => (quads ? 16 : 4) * columns;

/** How a is loaded: computed, as vec4s along its contiguous axis (K or M), or element by element. */
function loadsOfA({ a, k, made }: Factors, { rows }: RegisterTile): "computed" | "alongK" | "alongM" | "single" {
  if (made) return "computed";
  if (k % 4 === 0 && loadsVectors(a, 1)) return "alongK";
  return k % 4 === 0 && rows % 4 === 0 && loadsVectors(a, 0) ? "alongM" : "single";
}

/**
 * How a register tile loads its factors. It takes DEPTH elements of each row of a, and a DEPTH × 4 matrix of b: 1.2
 * times as fast on SwiftShader as one step of K at a time, and shorter code. Loads are vec4s along whichever axis of a
 * factor is contiguous, so neither is ever transposed in memory. WebGPU's bounds checks make loads
 * outside the matrix safe; their results are not stored.
 *
 * - `begin_a();` and `begin_b();` find where the tile's rows and columns begin, from `batch`, `row` and `col`.
 * - `load_a(q, n);` defines `a0`, `a1`, …: n steps along K of each row, from step q · DEPTH. `load_b(q, n);` defines
 *   `b0`, …: the same of four columns.
 * - `row_of(i)` and `col_of(i)` are the position of sum i. In quads, each invocation has its rows in a different order.
 */
export function factors(p: Factors, tile: RegisterTile): Part {
  const { columns, quads = false } = tile;
  const [a, b] = [factorA(p, tile), factorB(p, tile)];
  const isShuffled = quads && !exchangesSteps(p, tile);
  return {
    ...a,
    buffers: [...a.buffers!, ...b.buffers!],
    accessors: {
      ...a.accessors,
      ...b.accessors,
      row_of(i) {
        const r = columns === 1 ? i! : `(${i} / ${columns}u)`;
        return `row + ${isShuffled ? `(${r} ^ lane)` : r}`;
      },
      col_of: (i) => (columns === 1 ? "col" : `col + 4u * (${i} % ${columns}u)`),
    },
  };
}

/** Where a factor's batch begins, in elements or vec4s. */
const base = ({ batch }: Stack, width: 1 | 4): string => elementAt(width === 4 ? inVec4(batch, 0) : batch, "batch");

/** Whether each invocation of a quad loads another step along K, and they exchange them. */
const exchangesSteps = (p: Factors, tile: RegisterTile): boolean =>
  tile.quads === true && loadsOfA(p, tile) === "alongM";

/** Step d along K of iteration q. */
const stepOf = (p: Factors, tile: RegisterTile, q: string, d: number): string =>
  exchangesSteps(p, tile)
    ? `(${times(q, depthOf(p.k))} + ${d ? `(lane ^ ${d}u)` : "lane"})`
    : plus(times(q, depthOf(p.k)), `${d}u`);

function factorA(p: Factors, tile: RegisterTile): Part {
  const { a, k, type, made } = p;
  const { rows, quads = false } = tile;
  const load = (at: string, width: 1 | 4) => widened(type, `a[${at}]`, width);
  const rowAt = (r: number) => (quads ? plus("row", `${4 * r}u`, "lane") : shifted("row", r));
  /** Each row begins at `a_from`; in quads, an invocation loads every fourth row, and gets the others by swaps. */
  const byRows = (width: 1 | 4, elements: (r: number, q: string, n: number) => string) => {
    const owned = quads ? rows / 4 : rows;
    const begin_a: Accessor = () =>
      each(owned, (r) => `let a_from${r} = ${plus(base(a, width), times(rowAt(r), a.strides[0] / width))};`);
    const load_a: Accessor = (q, n) => [
      ...each(owned, (r) => `let ${quads ? "own" : "a"}${r} = ${elements(r, q!, Number(n))};`),
      ...(quads ? each(rows, (r) => `let a${r} = ${swapped(`own${r >> 2}`, r & 3)};`) : []),
    ];
    return { buffers: [bufferOf("a", a.view, "read", width)], accessors: { begin_a, load_a } };
  };
  switch (loadsOfA(p, tile)) {
    case "computed": {
      const { accessors } = byRows(4, (r, q) => `made(batch, ${rowAt(r)}, ${times(q, 4)}, col < ${acrossOf(tile)}u)`);
      return { ...making(made!, k, 4), accessors: { ...accessors, begin_a: () => [] } };
    }
    case "alongK":
      return byRows(4, (r, q) => load(`a_from${r} + ${q}`, 4));
    case "single":
      return byRows(1, (r, q, n) =>
        vectorOf(each(n, (d) => load(plus(`a_from${r}`, times(stepOf(p, tile, q, d), a.strides[1])), 1))),
      );
    case "alongM": {
      // A vec4 is one step of four rows. Several steps are the columns of a matrix; its transpose has the rows.
      const vec4At = (j: number, k: string) => load(plus("a_from", times(k, a.strides[1] / 4), `${j}u`), 4);
      return {
        buffers: [bufferOf("a", a.view, "read", 4)],
        accessors: {
          begin_a: () => [`let a_from = ${plus(base(a, 4), "row / 4u")};`],
          load_a: (q, n) =>
            each(rows / 4, (j) => {
              const own = vec4At(j, stepOf(p, tile, q!, 0));
              const steps = (d: number) => (quads ? swapped(`own${j}`, d) : vec4At(j, stepOf(p, tile, q!, d)));
              return [
                ...(quads ? [`let own${j} = ${own};`] : []),
                `let rows${j} = transpose(${matrixOf(each(Number(n), steps))});`,
                ...each(4, (r) => `let a${4 * j + r} = rows${j}[${r}];`),
              ];
            }),
        },
      };
    }
  }
}

/** The second factor alone: `begin_b` and `load_b` of `factors`. */
export function factorB(p: Factors, tile: RegisterTile): Part {
  const { b, k, type, cols } = p;
  const { columns, quads = false } = tile;
  const load = (at: string, width: 1 | 4) => widened(type, `b[${at}]`, width);
  const part = (width: 1 | 4, begin: string[], fourColumns: (c: number, q: string, n: number) => string): Part => ({
    buffers: [bufferOf("b", b.view, "read", width)],
    accessors: {
      begin_b: () => begin,
      load_b: (q, n) => each(columns, (c) => `let b${c} = ${fourColumns(c, q!, Number(n))};`),
    },
  });
  /** A row of b for each of n steps: the columns of a matrix. */
  const matrix = (q: string, n: number, row: (k: string) => string) =>
    matrixOf(each(n, (d) => row(stepOf(p, tile, q, d))));
  if (loadsVectors(b, 1))
    return part(4, [`let b_from = ${plus(base(b, 4), "col / 4u")};`], (c, q, n) =>
      matrix(q, n, (k) => load(plus("b_from", times(k, b.strides[0] / 4), `${c}u`), 4)),
    );
  // Vec4s along K, unless the invocations of a quad are at different steps.
  if (k % 4 === 0 && loadsVectors(b, 0) && !exchangesSteps(p, tile)) {
    const columnAt = (c: number) => plus(base(b, 4), times(shifted("col", c), b.strides[1] / 4));
    const begin = each(4 * columns, (c) => `let b_from${c} = ${columnAt(c)};`);
    return part(4, begin, (c, q) => `transpose(${matrixOf(each(4, (i) => load(`b_from${4 * c + i} + ${q}`, 4)))})`);
  }
  // Columns outside the result are 0, unless there are other tiles beside this one.
  const isOutside = (c: number) => !quads && c >= cols;
  return part(1, [`let b_from = ${base(b, 1)};`], (c, q, n) =>
    matrix(q, n, (k) => {
      const from = plus("b_from", times(k, b.strides[0]));
      const element = (c: number) => load(plus(from, times(shifted("col", c), b.strides[1])), 1);
      return `vec4f(${each(4, (i) => (isOutside(4 * c + i) ? "0.0" : element(4 * c + i))).join(", ")})`;
    }),
  );
}

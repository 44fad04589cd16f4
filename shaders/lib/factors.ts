import { each } from "../wgsl.ts";
import { bufferOf } from "./array.ts";
import { widened } from "./half.wgsl.ts";
import type { Part } from "./kernel.ts";
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
  const { a, b, k: length, type, cols, made } = p;
  const { rows, columns, quads = false } = tile;
  const depth = depthOf(length);
  const wholeFours = length % 4 === 0;
  const aAlongK = made !== undefined || (wholeFours && loadsVectors(a, 1));
  const aAlongM = wholeFours && !aAlongK && rows % 4 === 0 && loadsVectors(a, 0);
  const bAlongN = loadsVectors(b, 1);
  /** Whether each lane loads a different step of K. */
  const ownSteps = quads && aAlongM;
  const bAlongK = wholeFours && !bAlongN && !ownSteps && loadsVectors(b, 0);
  /** Rows of a that an invocation loads: the whole tile, or every fourth. */
  const owned = quads ? rows / 4 : rows;
  const rowAt = (r: number) => (quads ? plus("row", `${4 * r}u`, "lane") : shifted("row", r));

  const load = (name: "a" | "b", at: string, width: 1 | 4 = 1) => widened(type, `${name}[${at}]`, width);
  const first = (q: string) => times(q, depth);
  const step = (q: string, d: number) =>
    ownSteps ? `(${first(q)} + ${d ? `(lane ^ ${d}u)` : "lane"})` : plus(first(q), `${d}u`);
  /** Where a factor's batch begins, in elements or vec4s. */
  const base = ({ batch }: Stack, width: 1 | 4): string => elementAt(width === 4 ? inVec4(batch, 0) : batch, "batch");

  const rowOfA = (r: number, q: string, steps: number): string => {
    if (made) return `made(batch, ${rowAt(r)}, ${first(q)}, col < ${acrossOf(tile)}u)`;
    if (aAlongK) return load("a", `a_from${r} + ${q}`, 4);
    return vectorOf(each(steps, (d) => load("a", plus(`a_from${r}`, times(step(q, d), a.strides[1])))));
  };
  // With four rows contiguous in memory, the steps are the columns of a matrix.
  const fourRowsOfA = (j: number, q: string, steps: number): string[] => {
    const at = (k: string) => load("a", plus("a_from", times(k, a.strides[1] / 4), `${j}u`), 4);
    const matrix = matrixOf(each(steps, (d) => (quads ? swapped(`own${j}`, d) : at(step(q, d)))));
    return [
      ...(quads ? [`let own${j} = ${at(step(q, 0))};`] : []),
      `let rows${j} = transpose(${matrix});`,
      ...each(4, (r) => `let a${4 * j + r} = rows${j}[${r}];`),
    ];
  };
  const columnsOfB = (c: number, q: string, steps: number): string => {
    if (bAlongK) return `transpose(${matrixOf(each(4, (i) => load("b", `b_from${4 * c + i} + ${q}`, 4)))})`;
    return matrixOf(
      each(steps, (d) => {
        if (bAlongN) return load("b", plus("b_from", times(step(q, d), b.strides[0] / 4), `${c}u`), 4);
        const from = plus("b_from", times(step(q, d), b.strides[0]));
        const elements = each(4, (i) =>
          // Outside the result, unless there are other tiles in the row.
          !quads && 4 * c + i >= cols ? "0.0" : load("b", plus(from, times(shifted("col", 4 * c + i), b.strides[1]))),
        );
        return `vec4f(${elements.join(", ")})`;
      }),
    );
  };
  const parts = made
    ? making(made, length, 4)
    : { buffers: [bufferOf("a", a.view, "read", aAlongK || aAlongM ? 4 : 1)] };
  return {
    ...parts,
    buffers: [...parts.buffers!, bufferOf("b", b.view, "read", bAlongN || bAlongK ? 4 : 1)],
    accessors: {
      begin_a: () => {
        if (made) return [];
        if (aAlongM) return [`let a_from = ${plus(base(a, 4), "row / 4u")};`];
        const [from, stride] = aAlongK ? [base(a, 4), a.strides[0] / 4] : [base(a, 1), a.strides[0]];
        return each(owned, (r) => `let a_from${r} = ${plus(from, times(rowAt(r), stride))};`);
      },
      begin_b: () => {
        if (bAlongN) return [`let b_from = ${plus(base(b, 4), "col / 4u")};`];
        if (!bAlongK) return [`let b_from = ${base(b, 1)};`];
        const columnAt = (c: number) => plus(base(b, 4), times(shifted("col", c), b.strides[1] / 4));
        return each(4 * columns, (c) => `let b_from${c} = ${columnAt(c)};`);
      },
      load_a(q, n) {
        if (aAlongM) return each(rows / 4, (j) => fourRowsOfA(j, q!, Number(n)));
        return [
          ...each(owned, (r) => `let ${quads ? "own" : "a"}${r} = ${rowOfA(r, q!, Number(n))};`),
          ...(quads ? each(rows, (r) => `let a${r} = ${swapped(`own${r >> 2}`, r & 3)};`) : []),
        ];
      },
      load_b: (q, n) => each(columns, (c) => `let b${c} = ${columnsOfB(c, q!, Number(n))};`),
      row_of(i) {
        const r = columns === 1 ? i! : `(${i} / ${columns}u)`;
        return `row + ${quads && !aAlongM ? `(${r} ^ lane)` : r}`;
      },
      col_of: (i) => (columns === 1 ? "col" : `col + 4u * (${i} % ${columns}u)`),
    },
  };
}

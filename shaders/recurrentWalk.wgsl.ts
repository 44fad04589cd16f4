import { kernel } from "./lib/compose.ts";
import { narrowed, widened } from "./lib/half.wgsl.ts";
import type { Kernel, Memory } from "./lib/kernel.ts";
import { plus, times } from "./lib/view.wgsl.ts";
import { firstOf, lastOf, type Recurrence, recurrence } from "./recurrent.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/*
 * All steps in one dispatch: the variant for GPUs. Rows of the batch are independent, so each workgroup processes the
 * whole sequence for its rows. The vector of the recurrent product is in workgroup memory, neighbouring invocations
 * read neighbouring columns of the weight, and each step has two phases, separated by a barrier. Values of the previous
 * step that only their own invocation needs (c, h, carried gradients) are read back from the output buffers.
 */

/** What a workgroup takes on. */
export interface WalkShape {
  /** Rows of the batch. */
  readonly rows: number;
  /** Invocations; `lane` is the number of one. */
  readonly lanes: number;
}

/**
 * How the work of a product is divided: `parts` pieces of the inner axis for each of `across` columns. `bytes` of
 * workgroup memory suffice for f32 and f16.
 */
export function walkLayout(
  { gates, hidden, pass }: { readonly gates: number; readonly hidden: number; readonly pass: Recurrence["pass"] },
  { rows, lanes }: WalkShape,
) {
  const [depth, across] = pass === "forward" ? [hidden, gates * hidden] : [gates * hidden, hidden];
  let parts = 1;
  while (2 * parts * across <= lanes && depth % (2 * parts) === 0) parts *= 2;
  return { depth, across, parts, bytes: 4 * rows * (depth + parts * across) };
}

/** Forward: the vector is h, initially `startH` or zeros. */
export function walkForward(p: Recurrence, shape: WalkShape): Kernel {
  const { cell, hidden } = p;
  const walk = walkOf(p, shape);
  return kernel({
    ...walk,
    body: wgsl`
      let row = ${times("group.x", shape.rows)};
      #if ${p.views.startH !== undefined}
      for (var round = 0u; round < UNIT_ROUNDS; round++) {
        let unit = round * LANES + lane;
        if (unit < UNITS) {
          ${each(shape.rows, (r) => walk.put(r, "unit", `startH(min(${plus("row", `${r}u`)}, ROWS - 1u) * UNITS + unit)`))}
        }
      }
      #else
      ${walk.clear}
      #endif
      for (var s = 0u; s < T; s++) {
        let t = ${lastOf(p) === 0 ? "T - 1u - s" : "s"};
        ${walk.multiply}
        for (var round = 0u; round < UNIT_ROUNDS; round++) {
          let unit = round * LANES + lane;
          if (unit < UNITS) {
            ${each(shape.rows, (r) => {
              const products = each(cell.gates, (g) => walk.sum(r, plus(`${g * hidden}u`, "unit")));
              return walk.put(r, "unit", `finish(t, ${plus("row", `${r}u`)}, unit, Gates(${products.join(", ")}))`);
            })}
          }
        }
      }`,
  });
}

/** Backward, from the last step to the first: the vector is the gradients of the gates, initially zeros. */
export function walkBackward(p: Recurrence, shape: WalkShape): Kernel {
  const { cell, hidden } = p;
  const walk = walkOf(p, shape);
  return kernel({
    ...walk,
    body: wgsl`
      let row = ${times("group.x", shape.rows)};
      ${walk.clear}
      for (var s = 0u; s < T; s++) {
        let t = ${firstOf(p) === 0 ? "T - 1u - s" : "s"};
        ${walk.multiply}
        for (var round = 0u; round < UNIT_ROUNDS; round++) {
          let unit = round * LANES + lane;
          if (unit < UNITS) {
            ${each(shape.rows, (r) => [
              `let d${r} = finish(t, ${plus("row", `${r}u`)}, unit, ${walk.sum(r, "unit")});`,
              ...each(cell.gates, (g) => walk.put(r, plus(`${g * hidden}u`, "unit"), `d${r}[${g}]`)),
            ])}
          }
        }
      }`,
  });
}

/** The part common to both directions: a step's product, from the vector to the sums of each column. */
function walkOf(p: Recurrence, shape: WalkShape) {
  const { rows, lanes } = shape;
  const { depth, across, parts } = walkLayout({ ...p, gates: p.cell.gates }, shape);
  // What a step passes on is rounded as in memory, where other variants read it.
  const type = p.views.weight!.dtype;
  const vector = (r: number, i: string) => `vector[${plus(`${r * depth}u`, i)}]`;
  const sums = (r: number, part: number, i: string) => `sums[${plus(`${(r * parts + part) * across}u`, i)}]`;
  const memory: Memory[] = [
    { name: "vector", type, length: rows * depth, note: "left operand of the product, row by row" },
    { name: "sums", type: "f32", length: rows * parts * across, note: "for each piece and column" },
  ];
  return {
    workgroup: lanes,
    parts: [recurrence(p, {}, 1)],
    memory,
    constants: {
      LANES: [lanes, "invocations per workgroup"],
      DEPTH: [depth, "inner size of the product"],
      ACROSS: [across, "columns of the product"],
      PARTS: [parts, "pieces of the inner axis"],
      SUM_ROUNDS: [Math.ceil((parts * across) / lanes), "iterations that compute all sums"],
      UNIT_ROUNDS: [Math.ceil(p.hidden / lanes), "iterations that compute all units"],
    },
    /** Stores a value as element i of a row's vector. */
    put: (r: number, i: string, value: string) => `${vector(r, i)} = ${narrowed(type, value)};`,
    /** Starts from zeros. */
    clear: `for (var i = lane; i < ${rows * depth}u; i += LANES) { vector[i] = ${type}(); }`,
    /** The product of a row and column: the sum of its pieces. */
    sum: (r: number, column: string) => each(parts, (part) => sums(r, part, column)).join(" + "),
    multiply: wgsl`
      // The vector must be complete before any invocation reads it. (Before the first step it was just filled.)
      workgroupBarrier();
      for (var round = 0u; round < SUM_ROUNDS; round++) {
        let i = round * LANES + lane;
        if (i < PARTS * ACROSS) {
          let column = i % ACROSS;
          let start = i / ACROSS * (DEPTH / PARTS);
          ${each(rows, (r) => `var sum${r} = 0.0;`)}
          for (var k = 0u; k < DEPTH / PARTS; k++) {
            let w = weight((start + k) * ACROSS + column);
            ${each(rows, (r) => `sum${r} += w * ${widened(type, vector(r, "start + k"))};`)}
          }
          ${each(rows, (r) => `${sums(r, 0, "i")} = sum${r};`)}
        }
      }
      // All sums must be complete, and all reads of the vector done, before the cells overwrite it.
      workgroupBarrier();`,
  } as const;
}

import { kernel } from "./lib/compose.ts";
import type { Kernel, Memory } from "./lib/kernel.ts";
import { plus, times } from "./lib/view.wgsl.ts";
import { firstOf, lastOf, type Recurrence, recurrence } from "./recurrent.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/*
 * All steps in one dispatch. Rows of the batch do not depend on each other, so a workgroup walks the whole sequence for its own:
 * the vector of the recurrent product lies in workgroup memory, neighbouring invocations read neighbouring columns of the
 * weight, and each step is two phases with a barrier between them. Values of the step before that only their own invocation
 * needs (c, h, carried gradients) are read back from the buffers it wrote them to. The variant for GPUs.
 */

/** Rows of the batch that a workgroup owns, and its invocations. */
export interface WalkShape {
  readonly rows: number;
  readonly threads: number;
}

/** How the product of a walk is spread: `parts` pieces of the depth for each of `across` columns. */
export function walkLayout(
  { gates, hidden, pass }: { readonly gates: number; readonly hidden: number; readonly pass: Recurrence["pass"] },
  { rows, threads }: WalkShape,
) {
  const [depth, across] = pass === "forward" ? [hidden, gates * hidden] : [gates * hidden, hidden];
  let parts = 1;
  while (2 * parts * across <= threads && depth % (2 * parts) === 0) parts *= 2;
  return { depth, across, parts, bytes: 4 * rows * (depth + parts * across) };
}

/** Forward: the vector is h, which begins as `startH` or zeros. */
export function walkForward(p: Recurrence, shape: WalkShape): Kernel {
  const { cell, hidden } = p;
  const walk = walkOf(p, shape);
  return kernel({
    ...walk,
    body: wgsl`
      let row = ${times("group.x", shape.rows)};
      #if ${p.views.startH !== undefined}
      for (var round = 0u; round < UNIT_ROUNDS; round++) {
        let unit = round * THREADS + lane;
        if (unit < UNITS) {
          ${each(shape.rows, (r) => `${walk.vector(r, "unit")} = startH[min(${plus("row", `${r}u`)}, ROWS - 1u) * UNITS + unit];`)}
        }
      }
      #endif
      for (var s = 0u; s < T; s++) {
        let t = ${lastOf(p) === 0 ? "T - 1u - s" : "s"};
        ${walk.multiply}
        for (var round = 0u; round < UNIT_ROUNDS; round++) {
          let unit = round * THREADS + lane;
          if (unit < UNITS) {
            ${each(shape.rows, (r) => {
              const products = each(cell.gates, (g) => walk.sum(r, plus(`${g * hidden}u`, "unit")));
              return `${walk.vector(r, "unit")} = finish(t, ${plus("row", `${r}u`)}, unit, Gates(${products.join(", ")}));`;
            })}
          }
        }
      }`,
  });
}

/** Backward, from the last step to the first: the vector is the gradients of the gates, which begin as zeros. */
export function walkBackward(p: Recurrence, shape: WalkShape): Kernel {
  const { cell, hidden } = p;
  const walk = walkOf(p, shape);
  return kernel({
    ...walk,
    body: wgsl`
      let row = ${times("group.x", shape.rows)};
      for (var s = 0u; s < T; s++) {
        let t = ${firstOf(p) === 0 ? "T - 1u - s" : "s"};
        ${walk.multiply}
        for (var round = 0u; round < UNIT_ROUNDS; round++) {
          let unit = round * THREADS + lane;
          if (unit < UNITS) {
            ${each(shape.rows, (r) => [
              `let d${r} = finish(t, ${plus("row", `${r}u`)}, unit, ${walk.sum(r, "unit")});`,
              ...each(cell.gates, (g) => `${walk.vector(r, plus(`${g * hidden}u`, "unit"))} = d${r}[${g}];`),
            ])}
          }
        }
      }`,
  });
}

/** What both directions share: the product of a step, from the vector to the sums of each column. */
function walkOf(p: Recurrence, shape: WalkShape) {
  const { rows, threads } = shape;
  const { depth, across, parts } = walkLayout({ ...p, gates: p.cell.gates }, shape);
  const vector = (r: number, i: string) => `vector[${plus(`${r * depth}u`, i)}]`;
  const sums = (r: number, part: number, i: string) => `sums[${plus(`${(r * parts + part) * across}u`, i)}]`;
  const memory: Memory[] = [
    { name: "vector", type: "f32", length: rows * depth, note: "the product's left side, row by row" },
    { name: "sums", type: "f32", length: rows * parts * across, note: "of each piece of the depth, for each column" },
  ];
  return {
    workgroup: threads,
    parts: [recurrence(p, {}, 1)],
    memory,
    constants: {
      THREADS: threads,
      DEPTH: [depth, "of the product"],
      ACROSS: [across, "its columns"],
      PARTS: [parts, "pieces of the depth"],
      SUM_ROUNDS: [Math.ceil((parts * across) / threads), "in which all sums are computed"],
      UNIT_ROUNDS: [Math.ceil(p.hidden / threads), "in which all units are computed"],
    },
    vector,
    /** The product of a row and column: the sum of its pieces. */
    sum: (r: number, column: string) => each(parts, (part) => sums(r, part, column)).join(" + "),
    multiply: wgsl`
      // The vector must be whole before anybody multiplies with it. (Before the first step it is zeroed or just filled.)
      workgroupBarrier();
      for (var round = 0u; round < SUM_ROUNDS; round++) {
        let i = round * THREADS + lane;
        if (i < PARTS * ACROSS) {
          let column = i % ACROSS;
          let start = i / ACROSS * (DEPTH / PARTS);
          ${each(rows, (r) => `var sum${r} = 0.0;`)}
          for (var k = 0u; k < DEPTH / PARTS; k++) {
            let w = weight[(start + k) * ACROSS + column];
            ${each(rows, (r) => `sum${r} += w * ${vector(r, "start + k")};`)}
          }
          ${each(rows, (r) => `${sums(r, 0, "i")} = sum${r};`)}
        }
      }
      // All sums must be there, and nobody may still read the vector, which the cells now replace.
      workgroupBarrier();`,
  } as const;
}

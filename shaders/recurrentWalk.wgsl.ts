import { kernel } from "./lib/compose.ts";
import { narrowed, widened } from "./lib/half.wgsl.ts";
import type { Kernel, Memory } from "./lib/kernel.ts";
import { plus, shifted, times } from "./lib/view.wgsl.ts";
import { type Cell, firstOf, lastOf, type Recurrence, recurrence } from "./recurrent.wgsl.ts";
import { each, indented, wgsl } from "./wgsl.ts";

/*
 * All steps in one dispatch: the variant for GPUs. Rows of the batch are independent, so each workgroup processes the
 * whole sequence for its rows. A step reads all recurrent weights, each once per workgroup: R rows share what one row
 * would read alone.
 *
 * An invocation owns some units, and keeps their sums for all rows and gates in registers, with what they pass on to the
 * next step: h, or the gradients of the gates. Workgroup memory holds the vectors of the product, one per row: at first
 * everybody writes what its units pass on, then everybody reads all of it. Backward, the gates take turns if there is no
 * room for all of them. Small layers have more invocations than units; these then share the inner axis of the product,
 * and all but the first leave their sums in workgroup memory.
 *
 * Values of the previous step that only their own invocation needs (c, h, carried gradients) are read back from the
 * output buffers.
 */

/** How the work is divided within a workgroup. */
export interface WalkShape {
  /** Rows of the batch. */
  readonly rows: number;
  /** Units per invocation. */
  readonly units: number;
  /** Pieces of the inner axis. */
  readonly parts: number;
  /** Products per step: 1, or backward one for each gate. */
  readonly turns: number;
  /** Invocations; `lane` is the number of one. */
  readonly lanes: number;
  /** Workgroup memory, enough for f32 and f16. */
  readonly bytes: number;
}

/** The division for R rows that keeps to the limits, if any does: see `bytes`. */
export function walkShape(
  { gates, hidden, pass }: Pick<Cell, "gates"> & Pick<Recurrence, "hidden" | "pass">,
  rows: number,
  { maxInvocations, maxWorkgroupBytes }: { readonly maxInvocations: number; readonly maxWorkgroupBytes: number },
): WalkShape {
  const most = Math.max(64, Math.min(maxInvocations, 512));
  const [vectors, sums] = pass === "forward" ? [1, gates] : [gates, 1];
  const bytes = (turns: number, parts: number) => 4 * rows * hidden * (vectors / turns + (parts - 1) * sums);
  const turns = bytes(1, 1) <= maxWorkgroupBytes ? 1 : vectors;
  const wanted = Math.min(most, Math.max(64, gates * hidden));
  let parts = 1;
  while (2 * parts <= hidden && 2 * parts * hidden <= wanted && bytes(turns, 2 * parts) <= maxWorkgroupBytes)
    parts *= 2;
  const units = Math.ceil(hidden / most);
  const lanes = Math.min(most, 64 * Math.ceil((parts * Math.ceil(hidden / units)) / 64));
  return { rows, units, parts, turns, lanes, bytes: bytes(turns, parts) };
}

/** All steps: forward, or backward from the last to the first. */
export function walk(p: Recurrence, { rows, units, parts, turns, lanes }: WalkShape): Kernel {
  const { cell, hidden, views } = p;
  const forward = p.pass === "forward";
  // What a step passes on is rounded as in memory, where other variants read it.
  const type = views.weight!.dtype;
  // Forward, a product takes h and gives all gates; backward the other way round.
  const [taken, given] = forward ? [1, cell.gates] : [cell.gates / turns, 1];
  const depth = taken * hidden;
  const further = (parts - 1) * hidden;
  const vector = (r: number, i: string) => `vector[${plus(times("DEPTH", r), i)}]`;
  const sum = (u: number, r: number, g: number) => `sum${u}_${r}${forward ? `[${g}]` : ""}`;
  const next = (u: number, r: number, g: number) => `next${u}_${r}${forward ? "" : `[${g}]`}`;
  const left = (r: number, g: number, i: string) => `sums[${plus(times("FURTHER", r * given + g), i)}]`;
  const memory: Memory[] = [
    { name: "vector", type, length: rows * depth, note: "left operand of the product, row by row" },
  ];
  if (parts > 1)
    memory.push({
      name: "sums",
      type: "f32",
      length: rows * given * further,
      note: "by row and gate, then by piece and unit",
    });
  /** A statement for each unit of an invocation and each row; or only for units that exist. */
  const all = (text: (u: number, r: number) => string | string[]) => each(units, (u) => each(rows, (r) => text(u, r)));
  const owned = (text: (u: number, r: number) => string | string[]) =>
    each(units, (u) => [
      `if (${plus("lane", times("LANES", u))} < UNITS) {`,
      ...indented(each(rows, (r) => text(u, r))),
      "}",
    ]);
  const start = (u: number, r: number) =>
    !forward ? "Gates()" : views.startH ? `startH(min(${plus("row", `${r}u`)}, ROWS - 1u) * UNITS + unit${u})` : "F()";
  const multiply = (turn: number) => wgsl`
    ${owned((u, r) => each(taken, (g) => `${vector(r, plus(`${g * hidden}u`, `unit${u}`))} = ${narrowed(type, next(u, r, turn * taken + g))};`))}
    // The vectors must be complete before any invocation reads them.
    workgroupBarrier();
    for (var k = ${parts > 1 ? "first" : "0u"}; k < ${parts > 1 ? "end" : "DEPTH"}; k++) {
      ${each(rows, (r) => `let v${r} = ${widened(type, vector(r, "k"))};`)}
      ${each(units, (u) =>
        each(given, (g) => [
          `let w${u}_${g} = weight(${forward ? (g === 0 ? "k * GATES" : shifted("k * GATES", g)) : shifted("k", turn * depth)} * UNITS + unit${u});`,
          ...each(rows, (r) => `${sum(u, r, g)} += w${u}_${g} * v${r};`),
        ]),
      )}
    }
    #if ${parts > 1 && turn === turns - 1}
    if (lane >= UNITS && lane < ${parts}u * UNITS) {
      ${each(rows, (r) => each(given, (g) => `${left(r, g, "lane - UNITS")} = ${sum(0, r, g)};`))}
    }
    // All sums must be complete, and all reads of the vectors done, before they are overwritten.
    #else
    // All reads of the vectors must be done before they are overwritten.
    #endif
    workgroupBarrier();`;
  return kernel({
    workgroup: lanes,
    parts: [recurrence(p, {}, 1)],
    memory,
    constants: {
      LANES: [lanes, "invocations per workgroup"],
      DEPTH: [depth, "inner size of a product"],
      ...(parts > 1 && {
        PIECE: [Math.ceil(depth / parts), "of the inner size, for one invocation"],
        FURTHER: [further, "sums of a row and gate from all pieces but the first"],
      }),
    },
    body: wgsl`
      let row = ${times("group.x", rows)};
      #if ${parts > 1}
      let unit0 = lane % UNITS;
      let first = lane / UNITS * PIECE;
      let end = min(first + PIECE, DEPTH);
      #else
      ${each(units, (u) => `let unit${u} = min(${plus("lane", times("LANES", u))}, UNITS - 1u);`)}
      #endif
      ${all((u, r) => `var next${u}_${r} = ${start(u, r)};`)}
      for (var s = 0u; s < T; s++) {
        let t = ${(forward ? lastOf(p) : firstOf(p)) === 0 ? "T - 1u - s" : "s"};
        ${all((u, r) => `var sum${u}_${r} = ${forward ? "Gates" : "F"}();`)}
        ${each(turns, multiply)}
        #if ${parts > 1}
        if (lane < UNITS) {
          for (var i = lane; i < FURTHER; i += UNITS) {
            ${each(rows, (r) => each(given, (g) => `${sum(0, r, g)} += ${left(r, g, "i")};`))}
          }
        }
        #endif
        ${owned((u, r) => `next${u}_${r} = finish(t, ${plus("row", `${r}u`)}, unit${u}, sum${u}_${r});`)}
      }`,
  });
}

import { firstOf, lastOf, preamble, type RecurrentParams, range } from "./recurrent.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** Rows of the batch that a workgroup owns, and its invocations. */
export interface WalkShape {
  readonly rows: number;
  readonly threads: number;
}

/** How the product of a walk is spread: `parts` pieces of the depth for each of `across` columns. */
export function walkLayout(
  { cell, hidden, pass }: Pick<RecurrentParams, "cell" | "hidden" | "pass">,
  { rows, threads }: WalkShape,
) {
  const forward = pass === "forward";
  const depth = forward ? hidden : cell.gates * hidden;
  const across = forward ? cell.gates * hidden : hidden;
  let parts = 1;
  while (2 * parts * across <= threads && depth % (2 * parts) === 0) parts *= 2;
  return { depth, across, parts, bytes: 4 * rows * (depth + parts * across) };
}

/**
 * All steps in one dispatch. Rows of the batch do not depend on each other, so a workgroup walks the whole sequence for its own:
 * the vector of the recurrent product lies in workgroup memory, neighbouring invocations read neighbouring columns of the
 * weight, and each step is two phases with a barrier between them. Values of the step before that only their own invocation
 * needs (c, h, carried gradients) are read back from the buffers it wrote them to. The variant for GPUs.
 */
export function recurrentWalk(p: RecurrentParams, shape: WalkShape): string {
  const { cell, hidden, pass, lengths } = p;
  const { rows, threads } = shape;
  const forward = pass === "forward";
  const { depth, across, parts } = walkLayout(p, shape);
  const end = forward ? lastOf(p) : firstOf(p);
  const t = end === 0 ? "T - 1u - s" : "s";
  const owned = (text: (r: number) => string): string[] => range(rows).map(text);
  const total = (r: number, column: string) =>
    range(parts)
      .map((part) => `sums[${r * parts * across + part * across}u + ${column}]`)
      .join(" + ");
  const products = (r: number) =>
    forward
      ? `Gates(${range(cell.gates)
          .map((g) => total(r, `${g * hidden}u + unit`))
          .join(", ")})`
      : total(r, "unit");
  return wgsl`
${preamble(p, 1, {})}
const THREADS = ${threads}u;
const DEPTH = ${depth}u; // of the product
const ACROSS = ${across}u; // its columns
const PARTS = ${parts}u; // pieces of the depth
// The product's left side, and its sums, for ${rows} rows.
var<workgroup> vector: array<f32, ${rows * depth}>;
var<workgroup> sums: array<f32, ${rows * parts * across}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * ${rows}u;
  #if ${forward && lengths.startH !== undefined}
  for (var round = 0u; round < ${Math.ceil(hidden / threads)}u; round++) {
    let unit = round * THREADS + lane;
    if (unit < H) {
${owned((r) => `      vector[${r * depth}u + unit] = startH[min(row + ${r}u, ROWS - 1u) * H + unit];`)}
    }
  }
  #endif
  for (var s = 0u; s < T; s++) {
    let t = ${t};
    // The vector must be whole before anybody multiplies with it. (Before the first step it is zeroed or just filled.)
    workgroupBarrier();
    for (var round = 0u; round < ${Math.ceil((parts * across) / threads)}u; round++) {
      let i = round * THREADS + lane;
      if (i < PARTS * ACROSS) {
        let column = i % ACROSS;
        let start = i / ACROSS * (DEPTH / PARTS);
${owned((r) => `        var sum${r} = 0.0;`)}
        for (var k = 0u; k < DEPTH / PARTS; k++) {
          let w = weight[(start + k) * ACROSS + column];
${owned((r) => `          sum${r} += w * vector[${r * depth}u + start + k];`)}
        }
${owned((r) => `        sums[${r * parts * across}u + i] = sum${r};`)}
      }
    }
    // All sums must be there, and nobody may still read the vector, which the cells now replace.
    workgroupBarrier();
    for (var round = 0u; round < ${Math.ceil(hidden / threads)}u; round++) {
      let unit = round * THREADS + lane;
      if (unit < H) {
${owned((r) =>
  forward
    ? `        vector[${r * depth}u + unit] = finish(t, row + ${r}u, unit, ${products(r)});`
    : `        let d${r} = finish(t, row + ${r}u, unit, ${products(r)});\n${range(cell.gates)
        .map((g) => `        vector[${r * depth + g * hidden}u + unit] = d${r}[${g}];`)
        .join("\n")}`,
)}
      }
    }
  }
}
`;
}

import { firstOf, lastOf, neighbour, type Place, preamble, type RecurrentParams, range } from "./recurrent.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** What one invocation owns of a step: rows of the batch, and columns of F units each, all gates of them. */
export interface StepTile {
  readonly rows: number;
  readonly columns: number;
  readonly workgroup: number;
}

/**
 * One step of the recurrence in one dispatch, without workgroup memory or barrier. Forward, an invocation holds the products
 * h · Wᵀ of its rows and units for all gates in registers, and ends with their cells; backward, the products dGates · W of the
 * step after, and ends with the gradients of its own gates.
 *
 * The steps before and after lie in the same buffers as this one, hence one read_write binding of each. All steps between the
 * ends share this text: they read their position from a small buffer.
 */
export function recurrentStep(p: RecurrentParams, place: Place, { rows, columns, workgroup }: StepTile): string {
  const { cell, hidden, pass, lengths } = p;
  const forward = pass === "forward";
  const width = hidden % 4 === 0 ? 4 : 1;
  const isFirst = place === "first" || place === "only";
  const isLast = place === "last" || place === "only";
  const gates = forward ? cell.gates : 1;
  const depth = forward ? hidden : cell.gates * hidden;
  const across = forward ? cell.gates * hidden : hidden;
  const along = forward && !p.transposed; // whether the weight is contiguous along the product's depth
  const needed = forward ? !isFirst || lengths.startH !== undefined : !isLast;
  const vector = !forward ? (cell.splits ? "dRecurrent" : "gates") : isFirst ? "startH" : "outputs";
  const from = (r: number): string => {
    const row = r === 0 ? "row" : `(row + ${r}u)`;
    return vector === "startH" ? row : `(${neighbour(p, forward ? -1 : 1)} * STEP_T + ${row} * STEP_N)`;
  };
  const tile = (text: (r: number, c: number) => string): string[] =>
    range(rows).flatMap((r) => range(columns).map((c) => text(r, c)));
  const sum = (g: number, r: number, c: number) => `sum${g}_${r}_${c}`;

  const loop = range(gates).flatMap((g) =>
    range(columns).flatMap((c) => {
      const matrix = `w${g}_${c}`;
      const at = (d: number) =>
        along
          ? `w_from + k + ${((g * hidden + width * c + d) * depth) / width}u`
          : `k * ${across}u + unit + ${(d * across + g * hidden) / width + c}u`;
      const load =
        width === 4
          ? `mat4x4f(${range(4)
              .map((d) => `weight[${at(d)}]`)
              .join(", ")})`
          : `weight[${at(0)}]`;
      const term = (r: number) => (along ? `h${r} * ${matrix}` : `${matrix} * h${r}`);
      return [`let ${matrix} = ${load};`, ...range(rows).map((r) => `${sum(g, r, c)} += ${term(r)};`)];
    }),
  );
  const position = isFirst ? `${firstOf(p)}u` : isLast ? `${lastOf(p)}u` : "position[0]";
  const finish = (r: number, c: number) => {
    const sums = forward
      ? `Gates(${range(gates)
          .map((g) => sum(g, r, c))
          .join(", ")})`
      : sum(0, r, c);
    return `finish(t, row${r ? ` + ${r}u` : ""}, unit${c ? ` + ${c}u` : ""}, ${sums});`;
  };
  return wgsl`
${preamble(p, width, place)}
const TILES = ${Math.ceil(hidden / width / columns)}u; // of ${columns} columns

@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let unit = id.x % TILES * ${columns}u;
  let row = id.x / TILES * ${rows}u;
  if (row >= ROWS) { return; }
  let t = ${position};
${range(gates).flatMap((g) => tile((r, c) => `  var ${sum(g, r, c)} = F();`))}
  #if ${needed}
  #if ${along}
  let w_from = unit * ${depth}u;
  #endif
${range(rows).map((r) => `  let from${r} = ${from(r)} * ${depth / width}u;`)}
  // Rows and units beyond the ends read what the bounds check hands out; finish drops them.
  for (var k = 0u; k < ${depth / width}u; k++) {
${range(rows).map((r) => `    let h${r} = ${vector}[from${r} + k];`)}
${loop.map((line) => `    ${line}`)}
  }
  #endif
${tile((r, c) => `  ${finish(r, c)}`)}
}
`;
}

/** Invocations of a step. */
export const stepInvocations = ({ rows, hidden }: { rows: number; hidden: number }, tile: StepTile): number =>
  Math.ceil(rows / tile.rows) * Math.ceil(hidden / (hidden % 4 === 0 ? 4 : 1) / tile.columns);

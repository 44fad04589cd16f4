import { swapped } from "./lib/quads.wgsl.ts";
import { shifted } from "./lib/view.wgsl.ts";
import { firstOf, lastOf, neighbour, type Place, preamble, type RecurrentParams, range } from "./recurrent.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** What one invocation owns of a step: rows of the batch, and columns of F units each, all gates of them. */
export interface StepTile {
  readonly rows: number;
  readonly columns: number;
  readonly workgroup: number;
  /** Whether four neighbouring invocations own the same units of different rows, and share what they load of the weight. */
  readonly quads?: boolean;
}

/**
 * One step of the recurrence in one dispatch, without workgroup memory or barrier. Forward, an invocation holds the products
 * h · Wᵀ of its rows and units for all gates in registers, and ends with their cells; backward, the products dGates · W of the
 * step after, and ends with the gradients of its own gates.
 *
 * The steps before and after lie in the same buffers as this one, hence one read_write binding of each. All steps between the
 * ends share this text: they read their position from a small buffer.
 */
export function recurrentStep(p: RecurrentParams, place: Place, tile: StepTile): string {
  const { hidden, pass, lengths, cell } = p;
  const forward = pass === "forward";
  const width = hidden % 4 === 0 ? 4 : 1;
  const needed = forward ? !place.first || lengths.startH !== undefined : !place.last;
  const position = place.first ? `${firstOf(p)}u` : place.last ? `${lastOf(p)}u` : "position[0]";
  const { rows, columns } = tile;
  const gates = forward ? cell.gates : 1;
  const owned = (text: (r: number, c: number) => string): string[] =>
    range(rows).flatMap((r) => range(columns).map((c) => text(r, c)));
  const finish = (r: number, c: number) => {
    const sums = range(gates)
      .map((g) => `sum${g}_${r}_${c}`)
      .join(", ");
    return `finish(t, ${shifted("row", r)}, ${shifted("unit", c)}, ${forward ? `Gates(${sums})` : sums});`;
  };
  return wgsl`
${tile.quads && needed ? "enable subgroups;" : ""}
${preamble(p, width, place)}
const TILES = ${Math.ceil(hidden / width / columns)}u; // of ${columns} columns

@compute @workgroup_size(${tile.workgroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  #if ${tile.quads === true}
  let lane = id.x % 4u;
  let unit = id.x / 4u % TILES * ${columns}u;
  let row = (id.x / 4u / TILES * 4u + lane) * ${rows}u;
  #else
  let unit = id.x % TILES * ${columns}u;
  let row = id.x / TILES * ${rows}u;
  #endif
  let t = ${position};
${owned((r, c) =>
  range(gates)
    .map((g) => `  var sum${g}_${r}_${c} = F();`)
    .join("\n"),
)}
${needed ? productText(p, width, place, tile).map((line) => `  ${line}`) : []}
${owned((r, c) => `  ${finish(r, c)}`)}
}
`;
}

/** The recurrent product, from its operands' places to the sums. */
function productText(p: RecurrentParams, width: 1 | 4, place: Place, { rows, columns, quads }: StepTile): string[] {
  const { cell, hidden, pass } = p;
  const forward = pass === "forward";
  const gates = forward ? cell.gates : 1;
  const depth = forward ? hidden : cell.gates * hidden;
  const across = forward ? cell.gates * hidden : hidden;
  const along = forward && !p.transposed; // whether the weight is contiguous along the product's depth
  const vector = !forward ? (cell.splits ? "dRecurrent" : "gates") : place.first ? "startH" : "outputs";
  const from = (r: number): string =>
    vector === "startH"
      ? shifted("row", r)
      : `(${neighbour(p, forward ? -1 : 1)} * STEP_T + ${shifted("row", r)} * STEP_N)`;
  const columnsOf = range(gates).flatMap((g) => range(columns).map((c) => ({ g, c })));
  /** Loads of the weight for one column at `k`, a name: one number, or rows of a matrix. */
  const loads = ({ g, c }: { g: number; c: number }, k: string): string[] =>
    range(width).map((d) =>
      along
        ? `weight[w_from + ${k} + ${((g * hidden + width * c + d) * depth) / width}u]`
        : `weight[${k} * ${across}u + unit + ${(d * across + g * hidden) / width + c}u]`,
    );
  /** Loads of the vectors at `k`, and the products with weights given by column. */
  const multiply = (k: string, weights: (column: { g: number; c: number }) => readonly string[]): string[] => [
    ...range(rows).map((r) => `let h${r} = ${vector}[from${r} + ${k}];`),
    ...columnsOf.flatMap((column) => {
      const w = `w${column.g}_${column.c}`;
      const sum = (r: number) => `sum${column.g}_${r}_${column.c} += ${along ? `h${r} * ${w}` : `${w} * h${r}`};`;
      const list = weights(column);
      return [`let ${w} = ${width === 4 ? `mat4x4f(${list.join(", ")})` : list[0]!};`, ...range(rows).map(sum)];
    }),
  ];
  const inner = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
  return [
    ...(along ? [`let w_from = unit * ${depth}u;`] : []),
    ...range(rows).map((r) => `let from${r} = ${from(r)} * ${depth / width}u;`),
    "// Rows and units beyond the ends read what the bounds check hands out; finish drops them.",
    ...(quads
      ? [
          `for (var q = 0u; q < ${depth / 16}u; q++) {`,
          "  // Each of the four loads the weights of another k.",
          "  let own = 4u * q + lane;",
          ...inner(
            columnsOf.flatMap((column) =>
              loads(column, "own").map((load, d) => `let own${column.g}_${column.c}_${d} = ${load};`),
            ),
          ),
          ...range(4).flatMap((j) => [
            "  {",
            `    let k = 4u * q + (lane ^ ${j}u);`,
            ...inner(inner(multiply("k", ({ g, c }) => range(4).map((d) => swapped(`own${g}_${c}_${d}`, j))))),
            "  }",
          ]),
          "}",
        ]
      : [
          `for (var k = 0u; k < ${depth / width}u; k++) {`,
          ...inner(multiply("k", (column) => loads(column, "k"))),
          "}",
        ]),
  ];
}

/** Invocations of a step. */
export function stepInvocations({ rows, hidden }: { rows: number; hidden: number }, tile: StepTile): number {
  const together = tile.quads ? 4 : 1;
  return (
    Math.ceil(rows / tile.rows / together) * together * Math.ceil(hidden / (hidden % 4 === 0 ? 4 : 1) / tile.columns)
  );
}

import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part } from "./lib/kernel.ts";
import { matrixOf } from "./lib/matrix.wgsl.ts";
import { swapped } from "./lib/quads.wgsl.ts";
import { plus, shifted, times } from "./lib/view.wgsl.ts";
import { neighbour, type Place, type Recurrence, recurrence, rowAt } from "./recurrent.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/*
 * One step of the recurrence per dispatch, without workgroup memory or barrier. Forward, it computes the products h ·
 * Wᵀ of some rows and units for all gates, and their cells; backward, the products dGates · W of the later step, and
 * the gradients of the step's own gates.
 *
 * The neighbouring steps are in the same buffers, hence one read_write binding of each. All steps between the ends of a
 * sequence share one kernel and read their position from a small buffer.
 */

/** The definition of a forward step: one invocation per row and unit. */
export const stepNaive = (p: Recurrence, place: Place): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [recurrence(p, place, 1), vectors(p, place, 1)],
    body: wgsl`
      let row = id.x / UNITS;
      if (row >= ROWS) { return; }
      let unit = id.x % UNITS;
      let t = step();
      let start = vector_from(row);
      var product = Gates();
      for (var k = 0u; k < UNITS; k++) {
        for (var g = 0u; g < GATES; g++) { product[g] += vector(start, k) * weight((g * UNITS + unit) * UNITS + k); }
      }
      finish(t, row, unit, product);`,
  });

/** The definition of a backward step. */
export const stepGradNaive = (p: Recurrence, place: Place): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [recurrence(p, place, 1), vectors(p, place, 1)],
    body: wgsl`
      let row = id.x / UNITS;
      if (row >= ROWS) { return; }
      let unit = id.x % UNITS;
      let t = step();
      let start = vector_from(row);
      var product = 0.0;
      for (var k = 0u; k < GATES * UNITS; k++) { product += vector(start, k) * weight(k * UNITS + unit); }
      finish(t, row, unit, product);`,
  });

/** A step without a product: the first forward step from a zero state, or the last step backward. */
export const cellsAlone = (p: Recurrence, place: Place, width: 1 | 4): Kernel =>
  kernel({
    workgroup: 16,
    width,
    parts: [recurrence(p, place, width)],
    body: wgsl`
      let row = id.x / UNITS;
      let unit = id.x % UNITS;
      let t = step();
      finish(t, row, unit, ${p.pass === "forward" ? "Gates()" : "F()"});`,
  });

/** What one invocation computes of a step: rows of the batch, and columns of F units, all with all gates. */
export interface StepTile {
  readonly rows: number;
  readonly columns: number;
  readonly workgroup: number;
}

/** Each invocation keeps the products of its rows and units in registers. */
export function stepTile(p: Recurrence, place: Place, tile: StepTile): Kernel {
  const width = widthOf(p);
  return kernel({
    workgroup: tile.workgroup,
    width,
    parts: [recurrence(p, place, width), vectors(p, place, width), weights(p, width)],
    constants: {
      TILES: [tilesOf(p, tile), `each ${tile.columns} wide, in units of type F`],
      DEPTH: [depthOf(p) / width, "inner size of the product, in elements of type F"],
    },
    body: wgsl`
      let unit = ${times("id.x % TILES", tile.columns)};
      let row = ${times("id.x / TILES", tile.rows)};
      ${begin(p, tile)}
      for (var k = 0u; k < DEPTH; k++) {
        ${multiply(p, tile, (g, c) => each(width, (d) => `weight_at(${g}, ${c}, ${d}, k)`))}
      }
      ${end(p, tile)}`,
  });
}

/**
 * The same in quads: four neighbouring invocations compute the same units of different rows and share loads of the
 * weight: see lib/quads.wgsl.ts. H must be a multiple of 16.
 */
export const stepQuads = (p: Recurrence, place: Place, tile: StepTile): Kernel =>
  kernel({
    workgroup: tile.workgroup,
    width: 4,
    features: ["subgroups"],
    parts: [recurrence(p, place, 4), vectors(p, place, 4), weights(p, 4)],
    constants: {
      TILES: [tilesOf(p, tile), `each ${tile.columns} wide, in vec4`],
      DEPTH: [depthOf(p) / 16, "inner size of the product, in groups of 4 vec4s"],
    },
    body: wgsl`
      let lane = id.x % 4u;
      let unit = ${times("id.x / 4u % TILES", tile.columns)};
      let row = ${times("(id.x / 4u / TILES * 4u + lane)", tile.rows)};
      ${begin(p, tile)}
      for (var q = 0u; q < DEPTH; q++) {
        // Each lane loads the weights of a different k.
        let own = 4u * q + lane;
        ${columns(p, tile, (g, c) => each(4, (d) => `let own${g}_${c}_${d} = weight_at(${g}, ${c}, ${d}, own);`))}
        ${each(
          4,
          (j) => wgsl`
            {
              let k = 4u * q + (lane ^ ${j}u);
              ${multiply(p, tile, (g, c) => each(4, (d) => swapped(`own${g}_${c}_${d}`, j)))}
            }`,
        )}
      }
      ${end(p, tile)}`,
  });

/** Invocations of a step. @param sharers invocations that share units. */
export const stepInvocations = (p: Pick<Recurrence, "rows" | "hidden">, tile: StepTile, sharers = 1): number =>
  Math.ceil(p.rows / tile.rows / sharers) * sharers * tilesOf(p, tile);

export const widthOf = ({ hidden }: Pick<Recurrence, "hidden">): 1 | 4 => (hidden % 4 === 0 ? 4 : 1);
const tilesOf = (p: Pick<Recurrence, "hidden">, { columns }: StepTile): number =>
  Math.ceil(p.hidden / widthOf(p) / columns);

/** The inner size of a product, and the gates that each invocation computes. */
const depthOf = ({ pass, cell, hidden }: Recurrence): number => (pass === "forward" ? 1 : cell.gates) * hidden;
const gatesOf = ({ pass, cell }: Recurrence): number => (pass === "forward" ? cell.gates : 1);

/**
 * The vectors that multiply the weight: h of the previous step, or the gradients of the later step. `vector_from(row)`
 * is where a row begins, `vector(from, k)` its element k, of type F.
 */
function vectors(p: Recurrence, place: Place, width: 1 | 4): Part {
  const name = p.pass === "backward" ? (p.cell.splits ? "dRecurrent" : "gates") : place.first ? "startH" : "outputs";
  const next = neighbour(p, p.pass === "forward" ? -1 : 1);
  return {
    accessors: {
      vector_from: (row) => times(name === "startH" ? row! : rowAt(next, row!), depthOf(p) / width),
      vector: (from, k) => `${name}(${from} + ${k})`,
    },
  };
}

/**
 * The weights of a tile by gate and column. `begin_weight();` finds the tile's part. `weight_at(g, c, d, k)` is
 * `width` neighbours in a row of the weight: forward, those at k in the tile's row width · c + d; backward, those of
 * the tile's columns c in row width · k + d.
 */
function weights(p: Recurrence, width: 1 | 4): Part {
  const { hidden } = p;
  const depth = depthOf(p);
  const forward = p.pass === "forward";
  return {
    accessors: {
      begin_weight: () => (forward ? [`let weight_from = unit * ${depth}u;`] : []),
      weight_at(g, c, d, k) {
        const [gate, column, part] = [Number(g), Number(c), Number(d)];
        if (forward)
          return `weight(${plus("weight_from", k!, `${((gate * hidden + width * column + part) * depth) / width}u`)})`;
        return `weight(${plus(times(k!, hidden), "unit", `${(part * hidden) / width + column}u`)})`;
      },
    },
  };
}

/** Lines for each column of a tile, gate by gate. */
const columns = (p: Recurrence, tile: StepTile, lines: (g: number, c: number) => readonly string[]): string[] =>
  each(gatesOf(p), (g) => each(tile.columns, (c) => lines(g, c)));

const sumOf = (g: number, r: number, c: number): string => `sum${g}_${r}_${c}`;

/** Finds the step's position and where the tile's factors begin, and zeroes the sums. */
const begin = (p: Recurrence, { rows, columns }: StepTile): string[] => [
  "let t = step();",
  ...each(rows, (r) => each(columns, (c) => each(gatesOf(p), (g) => `var ${sumOf(g, r, c)} = F();`))),
  "begin_weight();",
  // This step's rows follow the last row in memory, and others write them now.
  ...each(rows, (r) => `let from${r} = vector_from(min(${shifted("row", r)}, ROWS - 1u));`),
  "// Rows past the end repeat the last, units past the end load arbitrary elements; finish drops their results.",
];

/** Adds the products at `k`, with the weights of each column. */
const multiply = (p: Recurrence, tile: StepTile, weights: (g: number, c: number) => readonly string[]): string[] => [
  ...each(tile.rows, (r) => `let h${r} = vector(from${r}, k);`),
  ...columns(p, tile, (g, c) => {
    const w = `w${g}_${c}`;
    const list = weights(g, c);
    const product = (h: string) => (p.pass === "forward" ? `${h} * ${w}` : `${w} * ${h}`);
    return [`let ${w} = ${matrixOf(list)};`, ...each(tile.rows, (r) => `${sumOf(g, r, c)} += ${product(`h${r}`)};`)];
  }),
];

/**
 * Finishes all cells of a tile. In a loop, since compilers write a function out wherever it is called, and that of a cell is
 * long: 16 copies of it take SwiftShader a second.
 */
function end(p: Recurrence, { rows, columns }: StepTile): string[] {
  const isForward = p.pass === "forward";
  const products = each(rows, (r) =>
    each(columns, (c) => {
      const sums = each(gatesOf(p), (g) => sumOf(g, r, c)).join(", ");
      return isForward ? `Gates(${sums})` : sums;
    }),
  );
  const count = products.length;
  if (count === 1) return [`finish(t, row, unit, ${products[0]});`];
  const at = columns === 1 ? "row + i, unit" : `row + i / ${columns}u, unit + i % ${columns}u`;
  return [
    `var products = array<${isForward ? "Gates" : "F"}, ${count}>(${products.join(", ")});`,
    `for (var i = 0u; i < ${count}u; i++) { finish(t, ${at}, products[i]); }`,
  ];
}

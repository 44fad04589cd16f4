import { array, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, View } from "./lib/kernel.ts";
import { sizeOf, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** A table `[ROWS, SIZE]` and the indices of its rows. All are row-major without offset. */
export interface Lookup {
  readonly table: View;
  readonly index: View;
  /** y[n, :] = table[index[n], :], in f32 or f16 whatever the table is. */
  readonly rows: View;
}

/** y[n, :] = table[index[n], :], with indices clamped to the table. One invocation per element, or per vec4. */
export const embedding = (p: Lookup, width: 1 | 4): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("table", p.table, width), array("index", p.index), result("y", p.rows, width)],
    constants: sizes(p, width),
    body: wgsl`
      let i = id.x;
      if (i >= POSITIONS * SIZE) { return; }
      let row = u32(clamp(index(i / SIZE), 0, i32(ROWS) - 1));
      y_put(i, table(row * SIZE + i % SIZE));`,
  });

/** The gradient of a table: each row is the sum of the rows of dy whose index names it. */
export interface LookupGrad extends Lookup {
  /** The row without gradient, or −1. */
  readonly padding: number;
}

/** The definition: one invocation per element of the table, each searching all positions. */
export const embeddingGradNaive = (p: LookupGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("dy", p.rows), array("index", p.index), result("y", p.table)],
    constants: sizes(p, 1),
    body: wgsl`
      let i = id.x;
      if (i >= ROWS * SIZE) { return; }
      let row = i32(i / SIZE);
      var sum = 0.0;
      for (var n = 0u; n < POSITIONS; n++) {
        if (index(n) == row && row != PADDING) { sum += dy(n * SIZE + i % SIZE); }
      }
      y_put(i, sum);`,
  });

/**
 * The same, reading four indices and four columns at once: for tables that are small compared to the number of
 * positions.
 */
export const embeddingGradByRow = (p: LookupGrad, width: 1 | 4): Kernel =>
  kernel({
    workgroup: workgroupSize,
    width,
    parts: [array("dy", p.rows, width), array("index", p.index, 4), result("y", p.table, width)],
    constants: sizes(p, width),
    body: wgsl`
      let i = id.x;
      if (i >= ROWS * SIZE) { return; }
      let row = i32(i / SIZE);
      var sum = F();
      if (row != PADDING) {
        ${forPositionsOfRow("sum += dy(n * SIZE + i % SIZE);")}
      }
      y_put(i, sum);`,
  });

/**
 * The same for large tables, already filled with zeros. One invocation per position and column: the first position that
 * names a row adds up all of them, the others return. All variants add in the same order, so their results are bitwise
 * equal.
 */
export const embeddingGradByPosition = (p: LookupGrad, width: 1 | 4): Kernel =>
  kernel({
    workgroup: workgroupSize,
    width,
    parts: [array("dy", p.rows, width), array("index", p.index, 4), result("y", p.table, width)],
    constants: sizes(p, width),
    body: wgsl`
      let i = id.x;
      if (i >= POSITIONS * SIZE) { return; }
      let own = i / SIZE;
      let row = index(own / 4u)[own % 4u];
      if (row < 0 || row >= i32(ROWS) || row == PADDING) { return; }
      var sum = F();
      ${forPositionsOfRow("if (n < own) { return; }", "sum += dy(n * SIZE + i % SIZE);")}
      y_put(u32(row) * SIZE + i % SIZE, sum);`,
  });

/**
 * The same for many positions, in a large table that is already filled with zeros: `order` lists positions by the row
 * that they look up, so that those of a row are neighbours. One invocation per position and column: the first of a row
 * adds up all of them. Positions of a row keep their order, so the sums are those of the other variants.
 */
export const embeddingGradSorted = (p: LookupGrad, width: 1 | 4, order: View): Kernel =>
  kernel({
    workgroup: workgroupSize,
    width,
    parts: [array("dy", p.rows, width), array("index", p.index), array("order", order), result("y", p.table, width)],
    constants: sizes(p, width),
    body: wgsl`
      let i = id.x;
      if (i >= POSITIONS * SIZE) { return; }
      let place = i / SIZE;
      let row = index(order(place));
      if (row < 0 || row >= i32(ROWS) || row == PADDING) { return; }
      if (place > 0u && index(order(place - 1u)) == row) { return; }
      var sum = F();
      for (var at = place; at < POSITIONS; at++) {
        let n = u32(order(at));
        if (index(n) != row) { break; }
        sum += dy(n * SIZE + i % SIZE);
      }
      y_put(u32(row) * SIZE + i % SIZE, sum);`,
  });

/** Statements for each position `n` that looks up `row`. Indices are read four at a time. */
const forPositionsOfRow = (...statements: readonly string[]): string => wgsl`
  for (var q = 0u; q < FOURS; q++) {
    let four = index(q);
    if (any(four == vec4i(row))) {
      for (var n = 4u * q; n < min(4u * q + 4u, POSITIONS); n++) {
        if (four[n % 4u] == row) {
          ${statements}
        }
      }
    }
  }`;

/** Fills a table with zeros, including its padding. */
export function embeddingZeros(table: View): Kernel {
  const y = result("y", table, 4);
  return kernel({
    workgroup: workgroupSize,
    parts: [y],
    constants: { COUNT: [y.buffers![0]!.length, "vec4s in the table"] },
    body: wgsl`
      let i = id.x;
      if (i < COUNT) { y_store(i, ${vec4Of[table.dtype]}()); }`,
  });
}

const sizes = ({ table, index, padding = -1 }: Lookup & Partial<LookupGrad>, width: 1 | 4) => {
  const [rows, size] = table.shape as [number, number];
  const positions = sizeOf(index.shape);
  return {
    ROWS: [rows, "of the table"],
    SIZE: [size / width, `${width === 4 ? "vec4s" : "elements"} per row`],
    POSITIONS: [positions, "that look up a row"],
    FOURS: [Math.ceil(positions / 4), "groups of 4 positions"],
    PADDING: [`${padding}`, padding < 0 ? "no row" : "the row without gradient"],
  } as const;
};

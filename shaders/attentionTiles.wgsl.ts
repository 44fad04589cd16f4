import { type Attended, type Attention, scoring, sizes } from "./attention.wgsl.ts";
import { bufferOf, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { widened } from "./lib/half.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { components } from "./lib/results.ts";
import { loadsVectors, type Stack } from "./lib/stack.ts";
import { elementAt, plus, times } from "./lib/view.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/*
 * Attention through workgroup memory (T. Dao et al., "FlashAttention", 2022): the scores of a tile of keys exist only
 * while the tile is there. Its speed on GPUs is an estimate, not yet measured.
 *
 * Parallel plan: a workgroup has 32 lines (queries, or keys), and four invocations for each. With a tile in workgroup
 * memory, each of the four computes the scores of a quarter of the tile; then each adds up a quarter of the columns, over
 * the whole tile. The four are 32 invocations apart, so that neighbours read the same vec4 of the tile at once.
 */

export const lines = 32;
export const parts = 4;
export const invocations = lines * parts;

/** vec4s that hold this many columns, and those that each of the four invocations has in a sum. */
export const fours = (columns: number): number => Math.ceil(columns / 4);
export const quarter = (columns: number): number => Math.ceil(fours(columns) / parts);

/** The largest tile, up to 32 rows, that takes at most 16 KiB with everything beside it. @param bytes per row. */
export function tileRows(bytes: number): number {
  let rows = 32;
  while (rows > parts && rows * bytes + 4 * invocations > 16384) rows /= 2;
  return rows;
}

/** Rows of a tile of keys, which their values replace, and its vec4s per row. */
export function forwardTile({ size, width }: Pick<Attention, "size" | "width">) {
  const across = Math.max(fours(size), parts * quarter(width));
  const rows = tileRows(16 * across + 4 * lines);
  return { rows, across, bytes: rows * (16 * across + 4 * lines) + 4 * invocations };
}

/**
 * A stack of matrices read as vec4s. `NAME_base(batch)` is where a matrix begins; `NAME_four(base, row, c)` has columns
 * 4 · c to 4 · c + 3, with 0 outside of the matrix.
 */
export function rowsInFours(name: string, stack: Stack, rows: number, columns: number): Part {
  const { view, strides } = stack;
  const whole = columns % 4 === 0;
  const vectors = whole && loadsVectors(stack, 1);
  const at = (c: string) => plus("base", times("row", strides[0]), times(c, strides[1]));
  const one = (r: number) => `${name}[${at(`(4u * c + ${r}u)`)}]`;
  const four = vectors
    ? `${name}[(${plus("base", times("row", strides[0]))}) / 4u + c]`
    : `vec4<${view.dtype}>(${each(4, (r) => (whole ? one(r) : `select(${view.dtype}(), ${one(r)}, 4u * c + ${r}u < ${columns}u)`)).join(", ")})`;
  return {
    buffers: [bufferOf(name, view, "read", vectors ? 4 : 1)],
    accessors: { [`${name}_base`]: (batch) => elementAt(stack.batch, batch!) },
    functions: [
      wgsl`
fn ${name}_four(base: u32, row: u32, c: u32) -> vec4f {
  if (row >= ${rows}u || c >= ${fours(columns)}u) { return vec4f(); }
  return ${widened(view.dtype, four, 4)};
}`,
    ],
  };
}

/**
 * Rows of a result, by vec4s: `NAME_put4(row, c, value);` stores columns 4 · c to 4 · c + 3, those that exist.
 * @param whole whether memory holds vec4s, too.
 */
export function resultInFours(name: string, view: View, columns: number, whole = columns % 4 === 0): Part {
  const part = result(name, view, whole ? 4 : 1);
  return {
    ...part,
    accessors: {
      ...part.accessors,
      [`${name}_put4`]: (row, c, value) =>
        whole
          ? [`if (${c} < ${columns / 4}u) { ${name}_put(${plus(times(row!, columns / 4), c!)}, ${value}); }`]
          : each(
              4,
              (r) =>
                `if (${plus(times(c!, 4), `${r}u`)} < ${columns}u) { ${name}_put(${plus(times(row!, columns), times(c!, 4), `${r}u`)}, ${value}.${components[r]!}); }`,
            ),
    },
  };
}

/** Σ of products of vec4s `a0`, `a1`, … with those of a row: a vec4 whose components remain to be added. */
export const products = (name: string, count: number, at: (c: number) => string): string[] => [
  `var ${name} = ${at(0)};`,
  ...each(count - 1, (c) => `${name} += ${at(c + 1)};`),
];

export const total = (name: string): string => `${name}.x + ${name}.y + ${name}.z + ${name}.w`;

/**
 * Online softmax over tiles of keys. Workgroup memory: a tile of keys, and after their scores are known, of values; a
 * weight for each of its keys and each query; the highest score that each invocation has seen.
 */
export function attentionTiles(p: Attended): Kernel {
  const { rows, across } = forwardTile(p);
  const [deep, own] = [fours(p.size), quarter(p.width)];
  const sums = (text: (sum: string, c: number) => string) => each(own, (c) => text(`sum${c}`, c));
  return kernel({
    workgroup: invocations,
    parts: [
      rowsInFours("q", p.q, p.queries, p.size),
      rowsInFours("k", p.k, p.keys, p.size),
      rowsInFours("v", p.v, p.keys, p.width),
      scoring(p),
      resultInFours("y", p.y, p.width),
      p.lse && result("lse", p.lse),
    ],
    constants: { ...sizes(p), TILE: [rows, "keys in a tile"] },
    memory: [
      { name: "tile", type: "vec4f", length: rows * across, note: "keys or values: vec4 [key][column / 4]" },
      { name: "weights", type: "f32", length: rows * lines, note: "scores, then weights: [key][query]" },
      { name: "tops", type: "f32", length: invocations, note: "highest scores: [part][query]" },
    ],
    body: wgsl`
      let slot = lane % ${lines}u;
      let part = lane / ${lines}u;
      let batch = group.y;
      let row = group.x * ${lines}u + slot;
      let q_from = q_base(batch);
      let k_from = k_base(batch);
      let v_from = v_base(batch);
      ${each(deep, (c) => `let q${c} = q_four(q_from, row, ${c}u);`)}
      var top = HIDDEN;
      var total = 0.0;
      ${sums((sum) => `var ${sum} = vec4f();`)}
      let end = ${p.causal ? `min(KEYS, (group.x + 1u) * ${lines}u)` : "KEYS"};
      for (var first = 0u; first < end; first += TILE) {
        for (var i = lane; i < TILE * ${deep}u; i += ${invocations}u) {
          tile[i] = k_four(k_from, first + i / ${deep}u, i % ${deep}u);
        }
        workgroupBarrier();
        var highest = HIDDEN;
        for (var j = part; j < TILE; j += ${parts}u) {
          ${products("products", deep, (c) => `q${c} * tile[j * ${deep}u + ${c}u]`)}
          let score = scored(batch, row, first + j, ${total("products")});
          weights[j * ${lines}u + slot] = score;
          highest = max(highest, score);
        }
        tops[lane] = highest;
        // All keys have been read: values may replace them.
        workgroupBarrier();
        let before = top;
        ${each(parts, (k) => `top = max(top, tops[slot + ${k * lines}u]);`)}
        for (var j = part; j < TILE; j += ${parts}u) {
          let score = weights[j * ${lines}u + slot];
          weights[j * ${lines}u + slot] = select(exp(score - top), 0.0, score == HIDDEN);
        }
        for (var i = lane; i < TILE * ${parts * own}u; i += ${invocations}u) {
          tile[i] = v_four(v_from, first + i / ${parts * own}u, i % ${parts * own}u);
        }
        workgroupBarrier();
        let kept = exp(before - top);
        total *= kept;
        ${sums((sum) => `${sum} *= kept;`)}
        for (var j = 0u; j < TILE; j++) {
          let weight = weights[j * ${lines}u + slot];
          total += weight;
          // The values of hidden keys may be NaN.
          if (weight != 0.0) {
            ${sums((sum, c) => `${sum} += weight * tile[j * ${parts * own}u + part * ${own}u + ${c}u];`)}
          }
        }
        // Nobody may overwrite the tile while another invocation still reads it.
        workgroupBarrier();
      }
      if (row >= QUERIES) { return; }
      let line = batch * QUERIES + row;
      let factor = select(1.0 / total, 0.0, total == 0.0);
      ${sums((sum, c) => `let y${c} = ${sum} * factor;`)}
      ${each(own, (c) => `y_put4(line, part * ${own}u + ${c}u, y${c});`)}
      #if ${p.lse !== undefined}
      if (part == 0u) { lse_put(line, select(top + log(total), 0.0, total == 0.0)); }
      #endif`,
  });
}

import { type Attention, type AttentionGrad, scoring, sizes } from "./attention.wgsl.ts";
import {
  fours,
  invocations,
  lines,
  parts,
  products,
  quarter,
  resultInFours,
  rowsInFours,
  tileRows,
  total,
} from "./attentionTiles.wgsl.ts";
import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { elements } from "./lib/stack.ts";
import { each, wgsl } from "./wgsl.ts";

/*
 * The gradient of attention through workgroup memory, in two kernels with the parallel plan of attentionTiles.wgsl.ts: one
 * has 32 queries per workgroup and walks along keys, the other has 32 keys and walks along queries. Both compute weights
 * again, from scores and their log-sum-exp. With score s, dL/ds = weight · (dy · v − dy · y); a kernel before them computes
 * dy · y for each query.
 */

/** Rows of a tile of keys and values in the first kernel, and its vec4s per row. */
export function queryGradTile({ size, width }: Pick<Attention, "size" | "width">) {
  const [ofKeys, ofValues] = [parts * quarter(size), fours(width)];
  const perRow = 16 * (ofKeys + ofValues) + 4 * lines;
  const rows = tileRows(perRow);
  return { rows, ofKeys, ofValues, bytes: rows * perRow };
}

/** The same for queries and dy in the second kernel. */
export function keyGradTile({ size, width }: Pick<Attention, "size" | "width">) {
  const [across, acrossDy] = [parts * quarter(size), parts * quarter(width)];
  const perRow = 16 * (across + acrossDy) + 8 * lines;
  const rows = tileRows(perRow);
  return { rows, across, acrossDy, bytes: rows * perRow };
}

/** What each query has: the log-sum-exp of its scores, and dy · y. */
const perQuery = (view: View): Part => ({ buffers: [bufferOf("per_query", view, "read", 2)] });

/** One invocation per query. `perQuery` is vec2 [batch][query]. */
export const attentionSums = (p: AttentionGrad, perQuery: View): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [
      rowsInFours("y", p.y, p.queries, p.width),
      rowsInFours("dy", p.dy, p.queries, p.width),
      elements("lse", p.lse),
      { buffers: [bufferOf("per_query", perQuery, "read_write", 2)] },
    ],
    constants: { ...sizes(p), COUNT: [p.batches * p.queries, "queries in all"] },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let batch = i / QUERIES;
      let row = i % QUERIES;
      let y_from = y_base(batch);
      let dy_from = dy_base(batch);
      var sums = vec4f();
      for (var c = 0u; c < ${fours(p.width)}u; c++) { sums += y_four(y_from, row, c) * dy_four(dy_from, row, c); }
      per_query_store(i, vec2f(lse(batch, row, 0u), ${total("sums")}));`,
  });

const gradOperands = (p: AttentionGrad, ofQueries: View): Part[] => [
  rowsInFours("q", p.q, p.queries, p.size),
  rowsInFours("k", p.k, p.keys, p.size),
  rowsInFours("v", p.v, p.keys, p.width),
  scoring(p),
  rowsInFours("dy", p.dy, p.queries, p.width),
  perQuery(ofQueries),
];

/** Where a workgroup is, and where its matrices begin. */
const place = (line: string): string => wgsl`
  let slot = lane % ${lines}u;
  let part = lane / ${lines}u;
  let batch = group.y;
  let ${line} = group.x * ${lines}u + slot;
  let q_from = q_base(batch);
  let k_from = k_base(batch);
  let v_from = v_base(batch);
  let dy_from = dy_base(batch);`;

/** The gradient of queries. @param ofQueries what `attentionSums` has stored. */
export function attentionTilesQueryGrad(p: AttentionGrad, ofQueries: View, dq: View): Kernel {
  const { rows, ofKeys, ofValues } = queryGradTile(p);
  const [deep, wide, own] = [fours(p.size), fours(p.width), quarter(p.size)];
  const sums = (text: (sum: string, c: number) => string) => each(own, (c) => text(`sum${c}`, c));
  return kernel({
    workgroup: invocations,
    parts: [...gradOperands(p, ofQueries), resultInFours("dq", dq, p.size)],
    constants: { ...sizes(p), TILE: [rows, "keys in a tile"] },
    memory: [
      { name: "tile_k", type: "vec4f", length: rows * ofKeys, note: "keys: vec4 [key][column / 4]" },
      { name: "tile_v", type: "vec4f", length: rows * ofValues, note: "values: vec4 [key][column / 4]" },
      { name: "slopes", type: "f32", length: rows * lines, note: "gradients of scores: [key][query]" },
    ],
    body: wgsl`
      ${place("row")}
      ${each(deep, (c) => `let q${c} = q_four(q_from, row, ${c}u);`)}
      ${each(wide, (c) => `let dy${c} = dy_four(dy_from, row, ${c}u);`)}
      var own = vec2f();
      if (row < QUERIES) { own = per_query[batch * QUERIES + row]; }
      ${sums((sum) => `var ${sum} = vec4f();`)}
      let end = ${p.causal ? `min(KEYS, (group.x + 1u) * ${lines}u)` : "KEYS"};
      for (var first = 0u; first < end; first += TILE) {
        for (var i = lane; i < TILE * ${ofKeys}u; i += ${invocations}u) {
          tile_k[i] = k_four(k_from, first + i / ${ofKeys}u, i % ${ofKeys}u);
        }
        for (var i = lane; i < TILE * ${ofValues}u; i += ${invocations}u) {
          tile_v[i] = v_four(v_from, first + i / ${ofValues}u, i % ${ofValues}u);
        }
        workgroupBarrier();
        for (var j = part; j < TILE; j += ${parts}u) {
          ${products("scores", deep, (c) => `q${c} * tile_k[j * ${ofKeys}u + ${c}u]`)}
          ${products("gains", wide, (c) => `dy${c} * tile_v[j * ${ofValues}u + ${c}u]`)}
          let score = scored(batch, row, first + j, ${total("scores")});
          let slope = exp(score - own.x) * (${total("gains")} - own.y);
          slopes[j * ${lines}u + slot] = select(slope, 0.0, score == HIDDEN);
        }
        workgroupBarrier();
        for (var j = 0u; j < TILE; j++) {
          let slope = slopes[j * ${lines}u + slot];
          // Hidden keys may be NaN.
          if (slope != 0.0) {
            ${sums((sum, c) => `${sum} += slope * tile_k[j * ${ofKeys}u + part * ${own}u + ${c}u];`)}
          }
        }
        // Nobody may overwrite the tiles while another invocation still reads them.
        workgroupBarrier();
      }
      if (row >= QUERIES) { return; }
      let line = batch * QUERIES + row;
      ${sums((sum) => `${sum} *= SCALE;`)}
      ${sums((sum, c) => `dq_put4(line, part * ${own}u + ${c}u, ${sum});`)}`,
  });
}

/** The gradients of keys and values. */
export function attentionTilesKeyGrad(p: AttentionGrad, ofQueries: View, dk: View, dv: View): Kernel {
  const { rows, across, acrossDy } = keyGradTile(p);
  const [deep, wide] = [fours(p.size), fours(p.width)];
  const [ownK, ownV] = [quarter(p.size), quarter(p.width)];
  // Neighbours of one type share a binding.
  const whole = p.size % 4 === 0 && p.width % 4 === 0;
  return kernel({
    workgroup: invocations,
    parts: [
      ...gradOperands(p, ofQueries),
      resultInFours("dk", dk, p.size, whole),
      resultInFours("dv", dv, p.width, whole),
    ],
    constants: { ...sizes(p), TILE: [rows, "queries in a tile"] },
    memory: [
      { name: "tile_q", type: "vec4f", length: rows * across, note: "queries: vec4 [query][column / 4]" },
      { name: "tile_dy", type: "vec4f", length: rows * acrossDy, note: "gradients of y: vec4 [query][column / 4]" },
      { name: "weights", type: "f32", length: rows * lines, note: "[query][key]" },
      { name: "slopes", type: "f32", length: rows * lines, note: "gradients of scores: [query][key]" },
    ],
    body: wgsl`
      ${place("key")}
      ${each(deep, (c) => `let k${c} = k_four(k_from, key, ${c}u);`)}
      ${each(wide, (c) => `let v${c} = v_four(v_from, key, ${c}u);`)}
      ${each(ownK, (c) => `var dk${c} = vec4f();`)}
      ${each(ownV, (c) => `var dv${c} = vec4f();`)}
      for (var first = ${p.causal ? `group.x * ${lines}u / TILE * TILE` : "0u"}; first < QUERIES; first += TILE) {
        for (var i = lane; i < TILE * ${across}u; i += ${invocations}u) {
          tile_q[i] = q_four(q_from, first + i / ${across}u, i % ${across}u);
        }
        for (var i = lane; i < TILE * ${acrossDy}u; i += ${invocations}u) {
          tile_dy[i] = dy_four(dy_from, first + i / ${acrossDy}u, i % ${acrossDy}u);
        }
        workgroupBarrier();
        for (var j = part; j < TILE; j += ${parts}u) {
          let row = first + j;
          ${products("scores", deep, (c) => `k${c} * tile_q[j * ${across}u + ${c}u]`)}
          ${products("gains", wide, (c) => `v${c} * tile_dy[j * ${acrossDy}u + ${c}u]`)}
          let score = scored(batch, row, key, ${total("scores")});
          var weight = 0.0;
          var slope = 0.0;
          if (row < QUERIES) {
            let of_query = per_query[batch * QUERIES + row];
            weight = exp(score - of_query.x);
            slope = weight * (${total("gains")} - of_query.y);
          }
          weights[j * ${lines}u + slot] = select(weight, 0.0, score == HIDDEN);
          slopes[j * ${lines}u + slot] = select(slope, 0.0, score == HIDDEN);
        }
        workgroupBarrier();
        for (var j = 0u; j < TILE; j++) {
          let weight = weights[j * ${lines}u + slot];
          let slope = slopes[j * ${lines}u + slot];
          // Queries without keys, and their gradients, may be NaN.
          if (weight != 0.0) {
            ${each(ownV, (c) => `dv${c} += weight * tile_dy[j * ${acrossDy}u + part * ${ownV}u + ${c}u];`)}
            ${each(ownK, (c) => `dk${c} += slope * tile_q[j * ${across}u + part * ${ownK}u + ${c}u];`)}
          }
        }
        // Nobody may overwrite the tiles while another invocation still reads them.
        workgroupBarrier();
      }
      if (key >= KEYS) { return; }
      let line = batch * KEYS + key;
      ${each(ownK, (c) => `dk${c} *= SCALE;`)}
      ${each(ownK, (c) => `dk_put4(line, part * ${ownK}u + ${c}u, dk${c});`)}
      ${each(ownV, (c) => `dv_put4(line, part * ${ownV}u + ${c}u, dv${c});`)}`,
  });
}

import { type Attended, type Attention, scoring, sizes } from "./attention.wgsl.ts";
import { fours, invocations, resultInFours, rowsInFours, total } from "./attentionTiles.wgsl.ts";
import { array, bufferOf, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, View } from "./lib/kernel.ts";
import { each, wgsl } from "./wgsl.ts";

/*
 * Attention of a few queries to many keys, as when a text grows by one token at a time: workgroups share the keys, and a
 * second kernel joins what they have found, in a fixed order. Its speed on GPUs is an estimate, not yet measured.
 */

/** The most queries: each has sums in every invocation. */
export const mostQueries = 8;

/** Keys that a workgroup looks at together: four invocations compute a score. */
const block = invocations / 4;

/** The most pieces that keys are split into: one invocation joins them. */
const mostPieces = 64;

/** How many keys a workgroup takes, and how many workgroups take them all. */
export function pieces(keys: number) {
  const each = block * Math.ceil(keys / (block * mostPieces));
  return { each, count: Math.ceil(keys / each) };
}

export const splitBytes = ({ queries }: Pick<Attention, "queries">): number =>
  4 * queries * (invocations + block) + 16 * invocations;

/** What a workgroup has found: for each query the highest score and Σ e^(score − highest), and sums of values with these. */
export interface Found {
  /** f32 [batch][piece][query][2]. */
  readonly tops: View;
  /** f32 [batch][piece][query][column]. */
  readonly sums: View;
}

/**
 * Keys in pieces, a workgroup for each. Four neighbouring invocations share the product of a key with each query; then
 * each vec4 column of the values has as many invocations as there are, for every so many keys.
 */
export function attentionSplit(p: Attention, found: Found): Kernel {
  const [deep, wide] = [fours(p.size), fours(p.width)];
  const sharers = Math.floor(invocations / wide);
  const rows = (text: (r: number) => string | readonly string[]) => each(p.queries, text);
  const { each: piece, count } = pieces(p.keys);
  return kernel({
    workgroup: invocations,
    parts: [
      rowsInFours("q", p.q, p.queries, p.size),
      rowsInFours("k", p.k, p.keys, p.size),
      rowsInFours("v", p.v, p.keys, p.width),
      scoring(p),
      { buffers: [bufferOf("tops", found.tops, "read_write", 2)] },
      resultInFours("sums", found.sums, p.width),
    ],
    constants: {
      ...sizes(p),
      PIECE: [piece, "keys of a workgroup"],
      PIECES: [count, "of all keys"],
      SHARERS: [sharers, "invocations for a column of values"],
    },
    memory: [
      { name: "products", type: "f32", length: p.queries * invocations, note: "quarters of products: [query][key][4]" },
      { name: "scores", type: "f32", length: p.queries * block, note: "[query][key]" },
      { name: "shares", type: "vec4f", length: invocations, note: "sums of values of a query: [sharer][column / 4]" },
    ],
    body: wgsl`
      let batch = group.y;
      let q_from = q_base(batch);
      let k_from = k_base(batch);
      let v_from = v_base(batch);
      let column = lane % ${wide}u;
      let sharer = lane / ${wide}u;
      ${rows((r) => [`var top${r} = HIDDEN;`, `var sum${r} = vec4f();`])}
      var own_total = 0.0; // of the query with this invocation's number
      let begin = group.x * PIECE;
      let end = min(begin + PIECE, KEYS);
      for (var first = begin; first < end; first += ${block}u) {
        ${rows((r) => `var product${r} = vec4f();`)}
        for (var c = lane % 4u; c < ${deep}u; c += 4u) {
          let k = k_four(k_from, first + lane / 4u, c);
          ${rows((r) => `product${r} += k * q_four(q_from, ${r}u, c);`)}
        }
        ${rows((r) => `products[${r * invocations}u + lane] = ${total(`product${r}`)};`)}
        workgroupBarrier();
        for (var i = lane; i < ${p.queries * block}u; i += ${invocations}u) {
          let product = products[4u * i] + products[4u * i + 1u] + products[4u * i + 2u] + products[4u * i + 3u];
          scores[i] = scored(batch, i / ${block}u, first + i % ${block}u, product);
        }
        workgroupBarrier();
        ${rows((r) => [
          `let before${r} = top${r};`,
          `for (var j = 0u; j < ${block}u; j++) { top${r} = max(top${r}, scores[${r * block}u + j]); }`,
          `sum${r} *= exp(before${r} - top${r});`,
          `if (lane == ${r}u) {`,
          `  own_total *= exp(before${r} - top${r});`,
          `  for (var j = 0u; j < ${block}u; j++) {`,
          `    let score = scores[${r * block}u + j];`,
          `    own_total += select(exp(score - top${r}), 0.0, score == HIDDEN);`,
          "  }",
          "}",
        ])}
        if (sharer < SHARERS) {
          for (var j = sharer; j < ${block}u; j += SHARERS) {
            let v = v_four(v_from, first + j, column);
            ${rows((r) => [
              `let score${r} = scores[${r * block}u + j];`,
              // The values of hidden keys may be NaN.
              `if (score${r} != HIDDEN) { sum${r} += exp(score${r} - top${r}) * v; }`,
            ])}
          }
        }
        // The next block may overwrite products now, and scores behind the next barrier.
      }
      let line = (batch * PIECES + group.x) * QUERIES;
      ${rows((r) => [
        `shares[lane] = sum${r};`,
        "workgroupBarrier();",
        `if (sharer == 0u) {`,
        `  for (var s = 1u; s < SHARERS; s++) { sum${r} += shares[s * ${wide}u + column]; }`,
        `  sums_put4(line + ${r}u, column, sum${r});`,
        "}",
        `if (lane == ${r}u) { tops_store(line + ${r}u, vec2f(top${r}, own_total)); }`,
        // Nobody may overwrite the sums while they are being added up.
        ...(r + 1 < p.queries ? ["workgroupBarrier();"] : []),
      ])}`,
  });
}

/** One invocation per element of the result joins all pieces. */
export function attentionJoin(p: Attended, found: Found): Kernel {
  const { count } = pieces(p.keys);
  return kernel({
    workgroup: workgroupSize,
    parts: [
      { buffers: [bufferOf("tops", found.tops, "read", 2)] },
      array("sums", found.sums),
      result("y", p.y),
      p.lse && result("lse", p.lse),
    ],
    constants: {
      ...sizes(p),
      PIECES: [count, "of all keys"],
      COUNT: [p.batches * p.queries * p.width, "elements of the result"],
    },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let line = i / WIDTH;
      let begin = line / QUERIES * PIECES * QUERIES + line % QUERIES;
      var top = HIDDEN;
      for (var s = 0u; s < PIECES; s++) { top = max(top, tops[begin + s * QUERIES].x); }
      var total = 0.0;
      var sum = 0.0;
      for (var s = 0u; s < PIECES; s++) {
        let at = begin + s * QUERIES;
        let factor = exp(tops[at].x - top);
        total += factor * tops[at].y;
        sum += factor * sums(at * WIDTH + i % WIDTH);
      }
      y_put(i, select(sum / total, 0.0, total == 0.0));
      #if ${p.lse !== undefined}
      if (i % WIDTH == 0u) { lse_put(line, select(top + log(total), 0.0, total == 0.0)); }
      #endif`,
  });
}

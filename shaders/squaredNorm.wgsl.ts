import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { sum, type Way } from "./lib/lines.ts";
import { wgsl } from "./wgsl.ts";

/** y[FIRST + i] = Σ term(x) over piece i of the tensors in x. */
export interface SquaredNorm {
  /** The terms of the sum: x², or 1 for each x that is NaN or infinite. */
  readonly term: "square" | "nonFinite";
  readonly pieces: number;
  /** Index of the first piece's result. */
  readonly first: number;
  readonly x: View;
  /** For each piece, where it begins in x (a multiple of 4), and its number of elements. */
  readonly table: View;
  readonly y: View;
}

/** Tests bit patterns, since WGSL implementations may assume that no value is NaN or infinite. */
const terms = {
  square: "fn term(v: F) -> F { return v * v; }",
  nonFinite: wgsl`
fn term(v: F) -> F {
  return select(F(), F(1.0), (bitcast<U>(v) & U(0x7f800000u)) == U(0x7f800000u));
}`,
};

const pieces = ({ term, x, table, y, pieces, first }: SquaredNorm, width: 1 | 4): Part => ({
  buffers: [bufferOf("x", x, "read", width), bufferOf("table", table, "read", 2), bufferOf("y", y, "read_write")],
  constants: {
    PIECES: [pieces, "of tensors, one result each"],
    FIRST: [first, "index of the first result"],
  },
  functions: [terms[term]],
});

/** The definition: one invocation per piece. */
export const squaredNormNaive = (p: SquaredNorm): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [pieces(p, 1)],
    body: wgsl`
      let i = id.x;
      if (i >= PIECES) { return; }
      let piece = table[i];
      var total = 0.0;
      for (var k = 0u; k < piece.y; k++) { total += term(x[piece.x + k]); }
      y_store(FIRST + i, total);`,
  });

/** Reads vec4s. Memory past the end of a tensor may hold anything, even NaN. */
export const squaredNormLines = (way: Way) => (p: SquaredNorm) =>
  kernel({
    workgroup: workgroupSize,
    width: 4,
    parts: [pieces(p, 4), way.folds("f32", { sum }, 4)],
    body: wgsl`
      ${way.line("PIECES")}
      let piece = table[i];
      var totals = vec4f();
      for (var k = ${way.first}; k < (piece.y + 3u) / 4u; k += ${way.step}) {
        let inside = 4u * k + vec4u(0u, 1u, 2u, 3u) < vec4u(piece.y);
        totals += term(select(vec4f(), x[piece.x / 4u + k], inside));
      }
      let total = sum_of_line(totals);
      ${way.once("y_store(FIRST + i, total);")}`,
  });

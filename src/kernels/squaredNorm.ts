import { type SquaredNorm, squaredNormLines, squaredNormNaive } from "../../shaders/squaredNorm.wgsl.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import type { Node } from "../graph/tensor.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { chooseWay, lineFamily } from "./lines.ts";
import type { Kernels, Lowering } from "./lowering.ts";
import { sumCalls } from "./reduce.ts";
import { around } from "./work.ts";

export const squaredNormFamily = /* @__PURE__ */ lineFamily("squaredNorm", "squaredNorm");
const writers = { naive: squaredNormNaive, lines: squaredNormLines };

/** Elements that an invocation (or workgroup) sums. */
const piece = 1024;

/**
 * Runs a total over all elements of all tensors: one dispatch per run of tensors in the same buffer, then a sum of
 * their partial results.
 */
export const totalKernels = (term: SquaredNorm["term"]): Kernels => ({
  lower({ node, inputs }, to) {
    const views = inputs.map((tensor) => to.contiguous(tensor));
    const pieces = inputs.reduce((total, { shape }) => total + Math.ceil(sizeOf(shape) / piece), 0);
    const out = to.scratch(`pieces of ${node.op.name}`, [pieces], "f32");
    const calls: KernelCall[] = [];
    let first = 0;
    for (let start = 0; start < views.length; ) {
      let end = start + 1;
      while (end < views.length && views[end]!.buffer === views[start]!.buffer) end++;
      const { call, count } = piecesCall(node, term, views.slice(start, end), out, first, to);
      calls.push(call);
      first += count;
      start = end;
    }
    const label = `${node.op.name}[${pieces}]`;
    return [...calls, ...sumCalls(label, { ...out, shape: [], strides: [] }, out, to.result(0)!, to)];
  },
});

/** @param first index of the first partial result. */
function piecesCall(
  { id, op }: Node,
  term: SquaredNorm["term"],
  views: readonly View[],
  y: View,
  first: number,
  to: Lowering,
): { readonly call: KernelCall; readonly count: number } {
  const x = around(views);
  const places = views.flatMap(({ shape, base, dtype }) => {
    const n = sizeOf(shape);
    const from = (base - x.base) / bytesPer(dtype);
    return Array.from({ length: Math.ceil(n / piece) }, (_, i) => [from + i * piece, Math.min(piece, n - i * piece)]);
  });
  const pieces = places.length;
  const table = to.constant(`pieces of ${op.name} ${id} from ${first}`, [pieces, 2], "u32", (data) =>
    data.set(places.flat()),
  );
  const lines = { lines: pieces, length: piece };
  const { write, chosen } = chooseWay(squaredNormFamily, writers, lines, to.traits);
  const count = views.reduce((total, { shape }) => total + sizeOf(shape), 0);
  return {
    call: {
      label: `${op.name}×${views.length}[${count}]:f32`,
      ...chosen,
      ...bound(write({ term, pieces, first, x, table, y })),
      flops: 2 * count,
      bytes: 4 * count + table.span + 4 * pieces,
    },
    count: pieces,
  };
}

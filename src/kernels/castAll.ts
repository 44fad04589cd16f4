import { type CastAll, castAll, castAllNaive } from "../../shaders/castAll.wgsl.ts";
import { workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { sizeOf } from "../graph/shape.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { choose, family, named, type Variant } from "./choose.ts";
import type { Kernels, Lowering } from "./lowering.ts";
import { around } from "./work.ts";

interface Problem {
  /** Elements of all tensors. */
  readonly count: number;
}

interface CastAllVariant extends Variant<Problem> {
  readonly write: (p: CastAll) => Kernel;
  /** Workgroups for this many pieces. */
  readonly workgroups: (pieces: number) => readonly [number, number, number];
}

export const castAllFamily = /* @__PURE__ */ family<CastAllVariant>("castAll", "castAll", [
  {
    name: "naive",
    score: () => -1,
    write: castAllNaive,
    workgroups: (pieces) => [pieces, (4 * piece) / workgroupSize, 1],
  },
  { name: "vec4", score: () => 1, write: castAll, workgroups: (pieces) => [pieces, 1, 1] },
]);

/** Vec4s per workgroup: enough to be worth its start, few enough for many workgroups. */
const piece = 256;

interface Pair {
  readonly from: View;
  readonly place: View;
}

/** Rounds tensors to f16, with one dispatch for each pair of source and result buffer. */
export const castAllKernels: Kernels = {
  sideBySide: () => true,
  lower({ node, inputs }, to) {
    const pairs = inputs.flatMap((tensor, i): Pair[] => {
      const place = to.result(i);
      return place ? [{ from: to.contiguous(tensor), place }] : [];
    });
    const groups: Pair[][] = [];
    for (const pair of pairs) {
      const group = groups.find(
        ([first]) => first!.from.buffer === pair.from.buffer && first!.place.buffer === pair.place.buffer,
      );
      if (group) group.push(pair);
      else groups.push([pair]);
    }
    return groups.map((group, i) => castCall(group, `${node.id} ${i}`, to));
  },
};

function castCall(pairs: readonly Pair[], key: string, to: Lowering): KernelCall {
  const [x, y] = [around(pairs.map(({ from }) => from)), around(pairs.map(({ place }) => place))];
  const pieces = pairs.flatMap(({ from, place }) => {
    const count = Math.ceil(sizeOf(from.shape) / 4);
    const [start, end] = [(from.base - x.base) / 16, (place.base - y.base) / 8];
    return Array.from({ length: Math.ceil(count / piece) }, (_, i) => [
      start + i * piece,
      end + i * piece,
      Math.min(piece, count - i * piece),
      0,
    ]);
  });
  const table = to.constant(`pieces of casts ${key}`, [pieces.length, 4], "u32", (data) => data.set(pieces.flat()));
  const count = pairs.reduce((total, { from }) => total + sizeOf(from.shape), 0);
  const variant = choose<CastAllVariant, Problem>(castAllFamily, { count }, to.traits);
  return {
    label: `castAll×${pairs.length}[${count}]:f16`,
    ...named(castAllFamily, variant),
    ...bound(variant.write({ x, y, table, piece })),
    workgroups: variant.workgroups(pieces.length),
    flops: 0,
    bytes: 6 * count + table.span,
  };
}

import { castAll as castAllKernel } from "../../shaders/castAll.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import { legacy } from "../../shaders/lib/legacy.ts";
import { DTypeError } from "../errors.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { applyAll, type Node, type Op, type Tensor } from "../graph/tensor.ts";
import { bind, type KernelCall, type View } from "../kernels/call.ts";
import type { Kernels, Lowering } from "../kernels/lowering.ts";
import { cast } from "./arithmetic.ts";

/** Casts to f16 of tensors that lie in one buffer, as parameters do, are one dispatch; the results are neighbours too. */
const castAllOp: Op = {
  name: "castAll",
  infer(inputs) {
    const other = inputs.find(({ dtype }) => dtype !== "f32");
    if (other) throw new DTypeError(`castAll: a tensor is ${other.dtype}, expected f32`);
    return inputs.map(({ shape }) => ({ shape, dtype: "f16" }));
  },
  vjp: (_, grads) => grads.map((dy) => dy && cast(dy, "f32")),
  kernels: {
    lower: ({ node }, to) => lowerCastAll(node, to),
    sideBySide: true,
  } satisfies Kernels,
  describe: ({ inputs }) => `×${inputs.length}`,
};

/** The same values as f16. @param tensors f32, of any shapes. */
export const castAll = (tensors: readonly Tensor[]): readonly Tensor[] =>
  tensors.length === 0 ? [] : applyAll(castAllOp, tensors);

/** Vec4 of a piece: enough for a workgroup to be worth its start, few enough for many workgroups. */
const piece = 256;

interface Pair {
  readonly from: View;
  readonly place: View;
}

/** A dispatch for each pair of buffers that tensors lie in and go to. */
function lowerCastAll(node: Node, to: Lowering): readonly KernelCall[] {
  const pairs = node.inputs.flatMap((tensor, i): Pair[] => {
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
}

/** The stretch of memory from the first to the last of some views. */
function around(views: readonly View[]): View {
  const low = Math.min(...views.map(({ base }) => base));
  return { ...views[0]!, base: low, span: Math.max(...views.map(({ base, span }) => base + span)) - low };
}

function castCall(pairs: readonly Pair[], key: string, to: Lowering): KernelCall {
  const [x, y] = [around(pairs.map(({ from }) => from)), around(pairs.map(({ place }) => place))];
  const table = pairs.flatMap(({ from, place }) => {
    const count = Math.ceil(sizeOf(from.shape) / 4);
    const [start, end] = [(from.base - x.base) / 16, (place.base - y.base) / 8];
    return Array.from({ length: Math.ceil(count / piece) }, (_, i) => [
      start + i * piece,
      end + i * piece,
      Math.min(piece, count - i * piece),
      0,
    ]);
  });
  const places = to.constant(`pieces of casts ${key}`, [table.length, 4], "u32", (data) => data.set(table.flat()));
  const count = pairs.reduce((total, { from }) => total + sizeOf(from.shape), 0);
  return {
    label: `castAll×${pairs.length}[${count}]:f16`,
    family: "castAll",
    variant: "direct",
    kernel: legacy(
      castAllKernel({
        piece,
        inputLength: x.span / bytesPer("f32"),
        tableLength: places.span / 4,
        outputLength: y.span / bytesPer("f16"),
      }),
    ),
    bindings: [bind(x, "read"), bind(places, "read"), bind(y, "read_write")],
    workgroups: alongX(table.length, 1),
    flops: 0,
    bytes: 6 * count + places.span,
  };
}

import { type Pick, pickLines, pickNaive } from "../../shaders/pick.wgsl.ts";
import { labelShape, sizeOf } from "../graph/shape.ts";
import { bound } from "./call.ts";
import { chooseWay, lineFamily } from "./lines.ts";
import type { Kernels } from "./lowering.ts";
import { parted } from "./reduce.ts";
import { endOf, touched } from "./work.ts";

export const pickFamily = /* @__PURE__ */ lineFamily("pick", "pick");

/** Finds the position of the largest or smallest element along `attrs.axes`. */
export const pickKernels = (kind: Pick["kind"]): Kernels => ({
  precision: "operands",
  after: true,
  lower(work, to) {
    const { axes } = work.node.attrs;
    const view = to.view(work.inputs[0]!);
    const x = parted(view, axes);
    const [count, length] = [sizeOf(x.kept.shape), sizeOf(x.folded.shape)];
    const { end, label, flops, bytes } = endOf(work, to, "i32");
    const { write, chosen } = chooseWay(
      pickFamily,
      { naive: pickNaive, lines: pickLines },
      { lines: count, length },
      to.traits,
    );
    return [
      {
        label: `${kind}${labelShape(view.shape)}[${axes.join(",")}]${label}`,
        ...chosen,
        ...bound(write({ kind, x, count, length, end })),
        flops: count * (length + flops),
        bytes: touched(view) + bytes,
      },
    ];
  },
});

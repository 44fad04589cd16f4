import { depthOf } from "../../shaders/lib/factors.ts";
import {
  matmulPack,
  matmulPacked,
  type Panels,
  panelShape,
  panelsOfA,
  panelsOfB,
} from "../../shaders/matmulPacked.wgsl.ts";
import { sizeOf } from "../graph/shape.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { firstInMemory, named, only, workgroupOf } from "./choose.ts";
import type { Lowering } from "./lowering.ts";
import type { MatmulVariant } from "./matmul.ts";
import { touched } from "./work.ts";

/** Invocations for 4 × 8 results each, after others have copied b into panels of eight columns. For WebAssembly. */
export const packed: MatmulVariant = {
  name: "packed4x8",
  source: "shaders/matmulPacked.wgsl.ts",
  needs: firstInMemory,
  score({ m, n, k, batches }, { cpu, wasm }) {
    if (!wasm) return cpu ? 0 : -1;
    const used = (m * n) / (4 * Math.ceil(m / 4) * 8 * Math.ceil(n / 8));
    // Copies take as long as 8 rows, a round begins and ends like 4 more, and one or two calls like 50,000 products.
    return (40 * used) / (1 + 8 / m + 4 / k + 5e4 / (m * n * k * batches));
  },
  write(product, traits, to) {
    const batches = sizeOf(product.a.batch.shape);
    const b = packCall(panelsOfB(product), batches, to);
    const panels = panelsOfA(product);
    const a = panels && packCall(panels, batches, to);
    return {
      before: a ? [a.call, b.call] : [b.call],
      kernel: matmulPacked(product, { a: a?.view, b: b.view }, workgroupOf(traits)),
    };
  },
  workgroups: ({ m, n, batches }, traits) => [
    Math.ceil((Math.ceil(m / 4) * Math.ceil(n / 8)) / workgroupOf(traits)),
    batches,
    1,
  ],
};

/** The kernel before `packed4x8`. */
export const packFamily = /* @__PURE__ */ only("matmulPack", "matmulPacked");

/** Copies a factor into panels. */
function packCall(panels: Panels, batches: number, to: Lowering): { readonly view: View; readonly call: KernelCall } {
  const { factor, k, lines, type, fours } = panels;
  const shape = panelShape(panels, batches);
  const view = to.scratch(`a factor in panels of ${4 * fours}`, shape, "f32");
  const invocations = shape[1]! * Math.ceil(k / depthOf(k));
  const call: KernelCall = {
    label: `pack[${k}x${lines}]:${type}`,
    ...named(packFamily, "naive"),
    ...bound(matmulPack(panels, view, workgroupOf(to.traits))),
    workgroups: [Math.ceil(invocations / workgroupOf(to.traits)), shape[0]!, 1],
    invocations,
    flops: 0,
    bytes: touched(factor.view) + touched(view),
  };
  return { view, call };
}

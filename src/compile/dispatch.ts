import { featuresOf, print } from "../../shaders/lib/print.ts";
import type { DType } from "../graph/shape.ts";
import type { KernelCall, PrintedCall } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { fold } from "./grid.ts";

/** Scalar types by the last letter of a vector's name. */
const scalars: Readonly<Record<string, DType>> = { f: "f32", h: "f16", i: "i32", u: "u32" };
const scalarOf = (type: string): DType => (type.startsWith("vec") ? scalars[type.at(-1)!]! : (type as DType));

/** Prints the kernel of a call, for a grid that the adapter takes. */
export function dispatch({ kernel, watch, ...call }: KernelCall, traits: AdapterTraits): PrintedCall {
  const { workgroups, folded } = fold(call.label, call.workgroups, kernel.workgroup, traits);
  return {
    ...call,
    workgroups,
    wgsl: print(kernel, { folded, watch }),
    features: featuresOf(kernel),
    elements: kernel.buffers.map(({ type }) => scalarOf(kernel.types[type] ?? type)),
    annotated: () => print(kernel, { folded, watch, notes: true }),
  };
}

import { featuresOf, print } from "../../shaders/lib/print.ts";
import type { DType } from "../graph/shape.ts";
import type { KernelCall, PrintedCall } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { placesOf, shared } from "./bindings.ts";
import { fold } from "./grid.ts";

/** Scalar types by the last letter of a vector type's name. */
const scalars: Readonly<Record<string, DType>> = { f: "f32", h: "f16", i: "i32", u: "u32" };
const scalarOf = (type: string): DType => (type.startsWith("vec") ? scalars[type.at(-1)!]! : (type as DType));

/**
 * Prints the kernel of a call for a grid that fits the adapter. If the kernel has too many buffers for the adapter,
 * neighbours in memory share a binding.
 */
export function dispatch(whole: KernelCall, traits: AdapterTraits): PrintedCall {
  const { kernel, watch, node, ...call } = whole;
  const { workgroups, folded } = fold(call.label, call.workgroups, kernel.workgroup, traits);
  const bound = kernel.buffers.length > traits.maxStorageBuffers ? shared([whole]) : undefined;
  const joined = bound && { buffers: bound.map(({ buffer }) => buffer), places: placesOf(bound, [whole], 0) };
  const flag = call.bindings.slice(kernel.buffers.length);
  return {
    ...call,
    bindings: bound ? [...bound.map(({ binding }) => binding), ...flag] : call.bindings,
    workgroups,
    parts: [whole],
    wgsl: print(kernel, { folded, watch, joined }),
    features: featuresOf(kernel),
    elements: (joined ?? kernel).buffers.map(({ type }) => scalarOf(kernel.types[type] ?? type)),
    annotated: () => print(kernel, { folded, watch, joined, notes: true }),
  };
}

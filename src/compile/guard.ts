import type { Buffer, Kernel } from "../../shaders/lib/kernel.ts";
import type { Watch } from "../../shaders/lib/print.ts";
import type { Binding, KernelCall, VirtualBuffer } from "../kernels/call.ts";
import { shared } from "./bindings.ts";

/** What a guarded program needs to report which kernel first stored NaN or infinity. */
export interface Guard {
  /** One word: 0, or 1 + the index of the first store of NaN or infinity. */
  readonly flag: VirtualBuffer;
  readonly stores: readonly { readonly kernel: string; readonly layer: string | undefined; readonly role: string }[];
}

/**
 * Makes every kernel check the exponent bits of each f32 and f16 it stores, and record the number of the first faulty
 * store in one word. The first fault over all runs is kept. Invocations of one dispatch may overwrite each other's
 * number: all of them name the same kernel.
 *
 * An invocation keeps the largest exponent of all its stores and checks it once at the end: on adapters that run
 * invocations in lockstep, a branch per store would cost more than the kernel itself.
 *
 * @param flag memory for that word, 16 bytes.
 * @param maxBindings a kernel that already needs this many bindings is not checked; the next kernel to read its NaN
 * reports it.
 * @param roleOf the name of a binding in reports.
 * @returns no guard if no kernel is checked.
 */
export function guard(
  calls: readonly KernelCall[],
  flag: VirtualBuffer,
  maxBindings: number,
  roleOf: (binding: Binding) => string,
): { readonly calls: readonly KernelCall[]; readonly guard: Guard | undefined } {
  const stores: { kernel: string; layer: string | undefined; role: string }[] = [];
  const guarded = calls.map((call): KernelCall => {
    const { kernel, bindings, label, layer } = call;
    const floats = watchable(kernel);
    if (shared([call]).length >= maxBindings || floats.length === 0) return call;
    const watched = floats.map(({ buffer, type }) => {
      const role = roleOf(bindings[kernel.buffers.indexOf(buffer)]!);
      return { name: buffer.name, type, number: stores.push({ kernel: label, layer, role }) };
    });
    const binding: Binding = { buffer: flag, offset: 0, size: 16, access: "read_write" };
    return { ...call, watch: watchOf(watched), bindings: [...bindings, binding] };
  });
  return { calls: guarded, guard: stores.length > 0 ? { flag, stores } : undefined };
}

/** Extracts a value's exponent bits as integers; `faulty` are those of infinity and NaN. */
const exponents = {
  f32: { type: "u32", of: "bitcast<u32>(value) & 0x7f800000u", faulty: "0x7f800000u" },
  vec4f: { type: "vec4u", of: "bitcast<vec4u>(value) & vec4u(0x7f800000u)", faulty: "vec4u(0x7f800000u)" },
  f16: { type: "u32", of: "bitcast<u32>(vec2h(value, 0.0h)) & 0x7c00u", faulty: "0x7c00u" },
  vec4h: {
    type: "vec4u",
    of: "vec4u(bitcast<vec2u>(value), bitcast<vec2u>(value) >> vec2u(16u)) & vec4u(0x7c00u)",
    faulty: "vec4u(0x7c00u)",
  },
} as const;

/** A buffer whose stores are checked, and the number reported for it. */
interface Watched {
  readonly name: string;
  readonly type: keyof typeof exponents;
  readonly number: number;
}

/** The float buffers that a kernel writes. */
const watchable = ({ buffers, types }: Kernel): { buffer: Buffer; type: Watched["type"] }[] =>
  buffers.flatMap((buffer) => {
    const type = types[buffer.type] ?? buffer.type;
    return buffer.access === "read_write" && type in exponents ? [{ buffer, type: type as Watched["type"] }] : [];
  });

/** Tests bit patterns, since WGSL implementations may assume that NaN does not occur. */
function watchOf(watched: readonly Watched[]): Watch {
  const numbers = new Map(watched.map(({ name, number }) => [name, number]));
  return {
    stored: (name, value) => (numbers.has(name) ? `watched${numbers.get(name)}(${value})` : value),
    buffers: [{ name: "fault", access: "read_write", type: "atomic<u32>", length: 4 }],
    functions: watched.map(
      ({ type, number }) => `var<private> largest${number}: ${exponents[type].type};
fn watched${number}(value: ${type}) -> ${type} {
  largest${number} = max(largest${number}, ${exponents[type].of});
  return value;
}`,
    ),
    report: [
      "  var store = 0u;",
      ...watched.map(
        ({ type, number }) =>
          `  store = select(store, ${number}u, any(largest${number} == ${exponents[type].faulty}));`,
      ),
      "  if (store != 0u && atomicLoad(&fault[0]) == 0u) { atomicStore(&fault[0], store); }",
    ],
  };
}

import type { Binding, KernelCall, VirtualBuffer } from "../graph/op.ts";
import { entryOf } from "./entry.ts";

/** What a guarded program needs to name the place where a value stopped being a number. */
export interface Guard {
  /** One word: 0, or 1 + the number of the first store that met NaN or infinity. */
  readonly flag: VirtualBuffer;
  readonly stores: readonly { readonly kernel: string; readonly layer: string | undefined; readonly role: string }[];
}

/**
 * Lets every kernel test the bits of each f32 and f16 that it stores, and leave the number of the first faulty store in one word: the
 * first in time keeps it, over all runs. Values are tested as integers, since WGSL may assume that NaN does not occur. Works on
 * the text of a kernel, so that no kernel family has to know of it.
 *
 * An invocation keeps the largest exponent of all that it stores, and looks at it once, at its end: branches at every store would
 * cost more than the kernel itself on adapters that run lanes in step.
 *
 * @param flag memory for that word, 16 bytes.
 * @param maxBindings a kernel that already binds this many is not watched: a NaN that it stores is reported by the kernel that reads it next.
 * @param roleOf what to call a binding.
 * @returns no guard where no kernel is watched.
 */
export function guard(
  calls: readonly KernelCall[],
  flag: VirtualBuffer,
  maxBindings: number,
  roleOf: (binding: Binding) => string,
): { readonly calls: readonly KernelCall[]; readonly guard: Guard | undefined } {
  const stores: { kernel: string; layer: string | undefined; role: string }[] = [];
  const guarded = calls.map((call): KernelCall => {
    if (call.bindings.length >= maxBindings) return call;
    let wgsl = call.wgsl;
    const watched: Watched[] = [];
    for (const [, binding, name, type] of call.wgsl.matchAll(
      /@binding\((\d+)\) var<storage, read_write> (\w+): array<(f32|vec4f|f16|vec4h)\b/g,
    )) {
      const number = stores.push({
        kernel: call.label,
        layer: call.layer,
        role: roleOf(call.bindings[Number(binding)]!),
      });
      const before = wgsl;
      wgsl = wrapStores(wgsl, name!, (value) => `watched${number}(${value})`);
      if (wgsl !== before) watched.push({ type: type as keyof typeof exponents, number });
    }
    if (watched.length === 0) return call;
    return {
      ...call,
      wgsl: reporting(wgsl, watched, call.bindings.length),
      bindings: [...call.bindings, { buffer: flag, offset: 0, size: 16, access: "read_write" }],
    };
  });
  const watches = guarded.some(({ bindings }) => bindings.some(({ buffer }) => buffer === flag));
  return { calls: guarded, guard: watches ? { flag, stores } : undefined };
}

/** Wraps the value of every `name[…] = value;`. Indices may hold brackets of their own; values hold no semicolon. */
function wrapStores(text: string, name: string, wrap: (value: string) => string): string {
  const start = new RegExp(`\\b${name}\\[`, "g");
  let done = "";
  let from = 0;
  for (let match = start.exec(text); match; match = start.exec(text)) {
    let end = start.lastIndex;
    for (let depth = 1; depth > 0; end++) depth += text[end] === "[" ? 1 : text[end] === "]" ? -1 : 0;
    if (!text.startsWith(" = ", end)) continue;
    const semicolon = text.indexOf(";", end);
    done += `${text.slice(from, end)} = ${wrap(text.slice(end + 3, semicolon))}`;
    from = semicolon;
    start.lastIndex = semicolon;
  }
  return done + text.slice(from);
}

/** The exponents of a value as integers, and the one that infinity and NaN have. */
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

/** The stores to one buffer of a kernel, and their number. */
interface Watched {
  readonly type: keyof typeof exponents;
  readonly number: number;
}

const watch = ({ type, number }: Watched): string => `var<private> largest${number}: ${exponents[type].type};
fn watched${number}(value: ${type}) -> ${type} {
  largest${number} = max(largest${number}, ${exponents[type].of});
  return value;
}`;

/**
 * Makes the kernel's entry a function, and enters it from one that looks at what was stored. Invocations of one dispatch may
 * overwrite each other's number: each names this kernel.
 */
function reporting(text: string, watched: readonly Watched[], binding: number): string {
  const { attributes, parameters, named, as } = entryOf(text);
  const looks = watched.map(
    ({ type, number }) => `  store = select(store, ${number}u, any(largest${number} == ${exponents[type].faulty}));`,
  );
  return `${as("unwatched")}
@group(0) @binding(${binding}) var<storage, read_write> fault: atomic<u32>;
${watched.map(watch).join("\n")}
${attributes} fn main(${parameters}) {
  unwatched(${named.map(({ name }) => name).join(", ")});
  var store = 0u;
${looks.join("\n")}
  if (store != 0u && atomicLoad(&fault) == 0u) { atomicStore(&fault, store); }
}
`;
}

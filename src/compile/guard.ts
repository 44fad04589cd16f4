import type { KernelCall, VirtualBuffer } from "../graph/op.ts";
import { virtualBuffer } from "./homes.ts";

/** What a guarded program needs to name the place where a value stopped being a number. */
export interface Guard {
  /** One word: 0, or 1 + the number of the first store that met NaN or infinity. */
  readonly flag: VirtualBuffer;
  readonly stores: readonly { readonly kernel: string; readonly role: string }[];
}

/**
 * Lets every kernel test the bits of each f32 and f16 that it stores, and leave the number of the first faulty store in one word: the
 * first in time keeps it, over all runs. Values are tested as integers, since WGSL may assume that NaN does not occur. Works on
 * the text of a kernel, so that no kernel family has to know of it.
 */
export function guard(calls: readonly KernelCall[]): { readonly calls: readonly KernelCall[]; readonly guard: Guard } {
  const flag = virtualBuffer("scratch", "NaN flag", 16, { pinned: true });
  const stores: { kernel: string; role: string }[] = [];
  const guarded = calls.map((call): KernelCall => {
    let wgsl = call.wgsl;
    for (const [, binding, name, type] of call.wgsl.matchAll(
      /@binding\((\d+)\) var<storage, read_write> (\w+): array<(f32|vec4f|f16|vec4h)\b/g,
    )) {
      const number = stores.push({ kernel: call.label, role: call.bindings[Number(binding)]!.buffer.role });
      wgsl = wrapStores(wgsl, name!, (value) => `checked_${type}(${value}, ${number}u)`);
    }
    if (wgsl === call.wgsl) return call;
    return {
      ...call,
      wgsl: `${wgsl}\n${checks(call.bindings.length)}${/checked_(f16|vec4h)/.test(wgsl) ? halfChecks : ""}`,
      bindings: [...call.bindings, { buffer: flag, offset: 0, size: 16, access: "read_write" }],
    };
  });
  return { calls: guarded, guard: { flag, stores } };
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

const checks = (binding: number): string => `@group(0) @binding(${binding}) var<storage, read_write> fault: atomic<u32>;
fn report(store: u32) {
  loop {
    let seen = atomicCompareExchangeWeak(&fault, 0u, store);
    if (seen.exchanged || seen.old_value != 0u) { break; }
  }
}
fn checked_f32(value: f32, store: u32) -> f32 {
  if ((bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u) { report(store); }
  return value;
}
fn checked_vec4f(value: vec4f, store: u32) -> vec4f {
  if (any((bitcast<vec4u>(value) & vec4u(0x7f800000u)) == vec4u(0x7f800000u))) { report(store); }
  return value;
}
`;

const halfChecks = `fn checked_f16(value: f16, store: u32) -> f16 {
  if ((bitcast<u32>(vec2h(value, 0.0h)) & 0x7c00u) == 0x7c00u) { report(store); }
  return value;
}
fn checked_vec4h(value: vec4h, store: u32) -> vec4h {
  let bits = bitcast<vec2u>(value);
  let low = (bits & vec2u(0x7c00u)) == vec2u(0x7c00u);
  let high = (bits & vec2u(0x7c000000u)) == vec2u(0x7c000000u);
  if (any(low) || any(high)) { report(store); }
  return value;
}
`;

import type { Compiled } from "../compile/compile.ts";
import { roleOf } from "../compile/homes.ts";
import { FeedError, noSuch } from "../errors.ts";
import type { TensorData } from "../graph/tensor.ts";
import type { Binding, PrintedCall } from "../kernels/call.ts";
import { type BufferTraffic, countTraffic, type TrafficOptions } from "../traffic/index.ts";
import { parse } from "../wgsl/parse.ts";

/** What a kernel asks of one of its bindings, in bytes. */
export interface Operand extends BufferTraffic {
  /** In the WGSL. */
  readonly name: string;
  /** What its buffer is: `input x`, `weight of 0`. */
  readonly role: string;
  /** Bytes of the binding: the least to read or write of it, if all of it is needed. */
  readonly bytes: number;
}

/** A kernel of a program, and what it asks for. */
export interface KernelTraffic
  extends Pick<PrintedCall, "label" | "layer" | "family" | "variant" | "workgroups" | "flops" | "bytes"> {
  readonly operands: readonly Operand[];
  /** Bytes that all invocations read and write. `bytes` is the least possible. */
  readonly asked: number;
  /** Arithmetic operations per byte asked for. */
  readonly flopsPerByte: number;
  /** Invocations in all workgroups. */
  readonly invocations: number;
  /** Bytes of workgroup memory that one workgroup uses. */
  readonly workgroupBytes: number;
}

/** Values of inputs by name, where they decide what is loaded: labels and tokens. Others are not needed. */
export type KnownFeeds = Readonly<Record<string, TensorData>>;

/**
 * Counts what a kernel of a compiled program asks of memory, as `countTraffic` does.
 * @throws as `countTraffic`, and FeedError for feeds of inputs that there are not.
 */
export function trafficOf(
  { label, layer, family, variant, workgroups, flops, bytes, wgsl, bindings }: PrintedCall,
  { inputs, homes }: Pick<Compiled, "inputs" | "homes">,
  feeds: KnownFeeds = {},
  how: Omit<TrafficOptions, "workgroups" | "data"> = {},
): KernelTraffic {
  for (const name of Object.keys(feeds))
    if (!inputs.has(name)) throw new FeedError(`traffic: ${noSuch("input", name, [...inputs.keys()])}`);
  const fed = new Map([...inputs].map(([name, { buffer }]) => [buffer, feeds[name]] as const));
  const numbersIn = ({ buffer, offset, size }: Binding): ArrayLike<number> | undefined => {
    const data = fed.get(buffer);
    if (data && !(data instanceof Float32Array)) return data.subarray(offset / 4, (offset + size) / 4);
    return buffer.data && new Uint32Array(buffer.data.slice().buffer).subarray(offset / 4);
  };
  const names = parse(wgsl).buffers.map(({ name }) => name);
  const data = Object.fromEntries(
    names.flatMap((name, i) => {
      const numbers = numbersIn(bindings[i]!);
      return numbers ? [[name, numbers] as const] : [];
    }),
  );
  const { buffers, ...rest } = countTraffic(wgsl, { workgroups, data, ...how });
  const operands = names.map((name, i): Operand => {
    const binding = bindings[i]!;
    return { name, role: roleOf(binding, homes), bytes: binding.size, ...buffers[name]! };
  });
  const asked = operands.reduce((sum, { read, written }) => sum + read + written, 0);
  return {
    label,
    ...(layer !== undefined && { layer }),
    family,
    variant,
    workgroups,
    flops,
    bytes,
    operands,
    asked,
    flopsPerByte: asked > 0 ? flops / asked : 0,
    ...rest,
  };
}

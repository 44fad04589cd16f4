import type { Lowered } from "../compile/lower.ts";
import { checkObject, FeedError, noSuch } from "../errors.ts";
import { usage } from "../gpu/flags.ts";
import { misfit } from "../graph/host.ts";
import { bytesPer, showShape, sizeOf } from "../graph/shape.ts";
import type { Spec, TensorData } from "../graph/tensor.ts";
import type { VirtualBuffer } from "../kernels/call.ts";

/**
 * Values for a program's inputs, by name: typed arrays, or GPU memory, which kernels read in place. Both are
 * row-major, in the input's shape. In GPU memory, elements are packed; an f16 takes two bytes.
 *
 * A GPUBuffer must be of the engine's device and have the usage STORAGE. Its offset is a multiple of 256 (of the
 * device's `minStorageBufferOffsetAlignment`), and from there it must be long enough for the tensor's bytes, rounded up
 * to a multiple of 16. Its values are not checked: integers that an op uses as positions or labels must be in range.
 * You may change or destroy the buffer as soon as `run` or `compute` has returned its promise; `profile` first has to
 * resolve.
 */
export type Feeds = Readonly<Record<string, TensorData | GPUBuffer | GPUBufferBinding>>;

/** Where an input is on the GPU. */
export interface Fed {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** Bytes of a tensor's elements, rounded up to whole words, as copies and bindings need them. */
export const wordsOf = ({ shape, dtype }: Spec): number => Math.ceil((sizeOf(shape) * bytesPer(dtype)) / 4) * 4;

const places = ["buffer", "offset", "size"];

/**
 * Checks feeds before anything is written: names, element types, sizes, integer ranges.
 * @param step alignment of offsets in GPU memory, in bytes.
 * @param op the caller in errors.
 * @returns the feeds that are GPU memory.
 */
export function checkFeeds(
  { inputs, bounds }: Pick<Lowered, "inputs" | "bounds">,
  feeds: Feeds,
  step: number,
  op = "run",
) {
  const names = [...inputs.keys()];
  const found = new Map<VirtualBuffer, Fed>();
  checkObject(op, "the argument", feeds, `{ ${names.join(", ")} }`);
  for (const name of Object.keys(feeds))
    if (!inputs.has(name)) throw new FeedError(`${op}: ${noSuch("input", name, names)}`);
  for (const [name, { tensor, buffer: own }] of inputs) {
    const data = feeds[name] as TensorData;
    const binding = (Object(data).buffer ? data : { buffer: data }) as unknown as GPUBufferBinding;
    const { buffer, offset = 0, size } = binding;
    const onGpu = Object(buffer).getMappedRange;
    const stranger = onGpu && data !== (buffer as unknown) && Object.keys(data).find((key) => !places.includes(key));
    if (stranger) throw new FeedError(`${op}: input "${name}": ${noSuch("property", stranger, places)}`);
    const fault = onGpu ? misplaced(buffer, offset, size, tensor, own.bytes, step) : misfit(data, tensor);
    if (fault) throw new FeedError(`${op}: input "${name}" ${fault}`);
    if (onGpu) found.set(own, { buffer, offset });
    const range = bounds.get(name);
    if (!range || onGpu) continue;
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      if ((value >= range.low && value <= range.high) || value === range.except) continue;
      const message = `${op}: input "${name}" holds ${value} at position ${i}; ${range.op} takes ${range.low} to ${range.high}`;
      throw Object.assign(new FeedError(message), { at: { input: name, position: i } });
    }
  }
  return found;
}

/**
 * Why GPU memory does not fit an input, as the end of a message; `undefined` if it fits.
 * @param bytes that kernels bind.
 */
function misplaced(
  buffer: GPUBuffer,
  offset: number,
  size: number | undefined,
  tensor: Spec,
  bytes: number,
  step: number,
): string | undefined {
  const words = wordsOf(tensor);
  const rest = buffer.size - offset;
  if (!(buffer.usage & usage.storage)) return "is a GPUBuffer without the usage STORAGE";
  if (!(Number.isInteger(offset) && offset >= 0 && offset % step === 0))
    return `begins at byte ${offset} of a GPUBuffer, expected a multiple of ${step}`;
  if (rest >= bytes && (size === undefined || (size >= words && size <= bytes))) return undefined;
  return `has ${size ?? rest} bytes of a GPUBuffer, expected ${words} (${tensor.dtype}${showShape(tensor.shape)}) and room for ${bytes}`;
}

import { bytesPer, type DType, type Shape, sizeOf } from "../graph/shape.ts";
import type { Variable } from "../graph/tensor.ts";
import type { Binding, VirtualBuffer } from "../kernels/call.ts";

/** Where a variable is stored: `base` bytes into an arena. */
export interface Home {
  readonly buffer: VirtualBuffer;
  readonly base: number;
}

/** What a binding holds: the variable's name if it is exactly one, else the role of its buffer. */
export function roleOf({ buffer, offset, size }: Binding, homes: ReadonlyMap<Variable, Home>): string {
  const within = [...homes].filter(
    ([, home]) => home.buffer === buffer && home.base >= offset && home.base < offset + size,
  );
  return within.length === 1 ? within[0]![0].name : buffer.role;
}

let buffersMade = 0;

/** Creates a virtual buffer; ids are unique in the process, so that programs can share arenas. */
export const virtualBuffer = (
  kind: VirtualBuffer["kind"],
  role: string,
  bytes: number,
  more: Pick<VirtualBuffer, "data" | "pinned"> = {},
): VirtualBuffer => ({ id: buffersMade++, kind, role, bytes, ...more });

/** Bytes of a tensor's home, rounded up to whole vec4s so that kernels may access four elements at a time. */
export const spanOf = (shape: Shape, dtype: DType): number => Math.ceil((sizeOf(shape) * bytesPer(dtype)) / 16) * 16;

/** Binding offsets must be multiples of this many bytes. */
export const bindingStep = 256;
export const alignUp = (bytes: number): number => Math.ceil(bytes / bindingStep) * bindingStep;

/**
 * Assigns homes to variables without one. Variables of one group that are settled together share an arena, in order of
 * creation. Homes never move, so earlier programs stay valid.
 */
export function settle(variables: Iterable<Variable>, homes: ReadonlyMap<Variable, Home>): Map<Variable, Home> {
  const groups = new Map<string, Variable[]>();
  for (const variable of [...variables].sort((a, b) => a.node.id - b.node.id)) {
    if (homes.has(variable)) continue;
    const name = variable.arena ?? variable.group;
    const group = groups.get(name);
    if (group) group.push(variable);
    else groups.set(name, [variable]);
  }
  const settled = new Map<Variable, Home>();
  for (const [group, members] of groups) {
    let bytes = 0;
    const bases = members.map((member) => {
      const base = alignUp(bytes);
      bytes = base + spanOf(member.shape, member.dtype);
      return base;
    });
    const buffer = virtualBuffer("variable", group, bytes);
    members.forEach((member, i) => settled.set(member, { buffer, base: bases[i]! }));
  }
  return settled;
}

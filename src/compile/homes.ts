import { bytesPer, type DType, type Shape, sizeOf } from "../graph/shape.ts";
import type { Variable } from "../graph/tensor.ts";
import type { Binding, VirtualBuffer } from "../kernels/call.ts";

/** Where a variable lives: `base` bytes into an arena. */
export interface Home {
  readonly buffer: VirtualBuffer;
  readonly base: number;
}

/** What a binding holds: the variable that it is, else what the buffer is for. */
export function roleOf({ buffer, offset, size }: Binding, homes: ReadonlyMap<Variable, Home>): string {
  const within = [...homes].filter(
    ([, home]) => home.buffer === buffer && home.base >= offset && home.base < offset + size,
  );
  return within.length === 1 ? within[0]![0].name : buffer.role;
}

let buffersMade = 0;

/** A buffer of the plan; ids are unique in the process, so that arenas can be shared by programs. */
export const virtualBuffer = (
  kind: VirtualBuffer["kind"],
  role: string,
  bytes: number,
  more: Pick<VirtualBuffer, "data" | "pinned"> = {},
): VirtualBuffer => ({ id: buffersMade++, kind, role, bytes, ...more });

/** Bytes of a tensor's home: whole vec4s, so that kernels may touch them four at a time. */
export const spanOf = (shape: Shape, dtype: DType): number => Math.ceil((sizeOf(shape) * bytesPer(dtype)) / 16) * 16;

/** Bindings start at multiples of so many bytes. */
export const bindingStep = 256;
export const alignUp = (bytes: number): number => Math.ceil(bytes / bindingStep) * bindingStep;

/**
 * Gives every variable that has no home yet one: variables of one group that are met together share an arena, in order of
 * their making. Homes never move, so programs made earlier stay right.
 */
export function settle(variables: Iterable<Variable>, homes: ReadonlyMap<Variable, Home>): Map<Variable, Home> {
  const groups = new Map<string, Variable[]>();
  for (const variable of [...variables].sort((a, b) => a.node.id - b.node.id)) {
    if (homes.has(variable)) continue;
    const group = groups.get(variable.group);
    if (group) group.push(variable);
    else groups.set(variable.group, [variable]);
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

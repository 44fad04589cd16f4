import { kindOf, type Scalar, scalar, vector } from "../wgsl/types.ts";
import { type Arithmetic, rounders, type Val } from "./arithmetic.ts";
import type { Register } from "./machine.ts";

/*
 * Operations among the invocations of a subgroup, which follow one another in their workgroup.
 */

type Fold = (a: number, b: number, kind: Scalar) => number;

const times: Fold = (a, b, kind) => (kind === "i32" || kind === "u32" ? Math.imul(a, b) : a * b);

const folds: Readonly<Record<string, readonly [fold: Fold, start: number | "first"]>> = {
  subgroupAdd: [(a, b) => a + b, 0],
  subgroupMul: [times, 1],
  subgroupMax: [(a, b) => Math.max(a, b), "first"],
  subgroupMin: [(a, b) => Math.min(a, b), "first"],
  subgroupAnd: [(a, b) => a & b, -1],
  subgroupOr: [(a, b) => a | b, 0],
  subgroupXor: [(a, b) => a ^ b, 0],
  subgroupAll: [(a, b) => a & b, 1],
  subgroupAny: [(a, b) => a | b, 0],
};

const scans: Readonly<Record<string, readonly [fold: Fold, start: number, isInclusive: boolean]>> = {
  subgroupExclusiveAdd: [(a, b) => a + b, 0, false],
  subgroupInclusiveAdd: [(a, b) => a + b, 0, true],
  subgroupExclusiveMul: [times, 1, false],
  subgroupInclusiveMul: [times, 1, true],
};

/** The position in its subgroup, or within four, from which an invocation takes its value. */
const sources: Readonly<
  Record<string, readonly [width: "subgroup" | "quad", from: (own: number, by: number) => number]>
> = {
  subgroupBroadcast: ["subgroup", (_, by) => by],
  subgroupShuffle: ["subgroup", (_, by) => by],
  subgroupShuffleXor: ["subgroup", (own, by) => own ^ by],
  subgroupShuffleUp: ["subgroup", (own, by) => own - by],
  subgroupShuffleDown: ["subgroup", (own, by) => own + by],
  quadBroadcast: ["quad", (_, by) => by],
  quadSwapX: ["quad", (own) => own ^ 1],
  quadSwapY: ["quad", (own) => own ^ 2],
  quadSwapDiagonal: ["quad", (own) => own ^ 3],
};

export const isSubgroupOperation = (name: string): boolean =>
  name in folds || name in scans || name in sources || /^subgroup(Elect|Ballot|BroadcastFirst)$/.test(name);

/** What a subgroup operation needs to know. */
export interface SubgroupCall {
  readonly name: string;
  readonly line: number;
  readonly size: number;
}

/** Writes a subgroup operation. */
export function subgroupOperation(to: Arithmetic, { name, line, size }: SubgroupCall, args: readonly Val[]): Val {
  const m = to.machine;
  if (name === "subgroupElect" || name === "subgroupBallot") return elected(to, name, size, args);
  const value = to.concrete(args[0]!);
  const kind = kindOf(value.type);
  const round = rounders[kind];
  const parts = m.take(value.parts.length);
  /** Calls a function with the active invocations of each subgroup. */
  const bySubgroup = (visit: (members: number[]) => void): void => {
    const members = new Map<number, number[]>();
    for (const lane of m.active.subarray(0, m.n).slice().sort()) {
      const own = members.get(Math.floor(lane / size)) ?? [];
      members.set(Math.floor(lane / size), own);
      own.push(lane);
    }
    members.forEach(visit);
  };
  parts.forEach((out, k) => {
    const x = value.parts[k]!;
    if (name in folds) {
      const [fold, start] = folds[name]!;
      to.emit(() =>
        bySubgroup((lanes) => {
          const first = start === "first" ? x[lanes[0]!]! : start;
          const all = lanes.reduce((sum, lane) => round(fold(sum, x[lane]!, kind)), first);
          for (const lane of lanes) out[lane] = round(all);
        }),
      );
    } else if (name in scans) {
      const [fold, start, isInclusive] = scans[name]!;
      to.emit(() =>
        bySubgroup((lanes) => {
          let sum = start;
          for (const lane of lanes) {
            const next = round(fold(sum, x[lane]!, kind));
            out[lane] = isInclusive ? next : sum;
            sum = next;
          }
        }),
      );
    } else if (name === "subgroupBroadcastFirst")
      to.emit(() =>
        bySubgroup((lanes) => {
          for (const lane of lanes) out[lane] = x[lanes[0]!]!;
        }),
      );
    else {
      const [width, from] = sources[name]!;
      const by = args[1]?.parts[0] ?? m.constant(0);
      to.emit(() => exchange(to, { name, line, size: width === "quad" ? 4 : size }, from, [out, x, by]));
    }
  });
  return { type: value.type, parts, isFresh: true };
}

/** Each invocation takes the value of another, which must be there. */
function exchange(
  { machine: m }: Arithmetic,
  { name, line, size }: SubgroupCall,
  from: (own: number, by: number) => number,
  [out, x, by]: readonly [Register, Register, Register],
): void {
  const present = new Set(m.active.subarray(0, m.n));
  for (const lane of present) {
    const own = lane % size;
    const source = lane - own + from(own, by[lane]!);
    const isThere = present.has(source) && Math.floor(source / size) === Math.floor(lane / size);
    out[lane] = isThere ? x[source]! : 0;
    if (isThere) continue;
    const access = m.access("reads", lane, line);
    m.findings.add("subgroup", name, `${line}`, () => ({
      kind: "subgroup",
      name,
      access,
      words: (who) => `gives ${who} the value of invocation ${source}, which is not there`,
    }));
  }
}

/** `subgroupElect()`: whether an invocation is the first; `subgroupBallot(x)`: for whom `x` holds, as bits. */
function elected(to: Arithmetic, name: string, size: number, args: readonly Val[]): Val {
  const m = to.machine;
  const isElect = name === "subgroupElect";
  const parts = m.take(isElect ? 1 : 4);
  to.emit(() => {
    const lanes = m.active.subarray(0, m.n);
    const bits = new Map<number, Uint32Array>();
    const first = new Map<number, number>();
    for (const lane of lanes) {
      const subgroup = Math.floor(lane / size);
      first.set(subgroup, Math.min(lane, first.get(subgroup) ?? lane));
      const own = bits.get(subgroup) ?? new Uint32Array(4);
      bits.set(subgroup, own);
      if (!isElect && args[0]!.parts[0]![lane] !== 0) own[(lane % size) >> 5]! |= 1 << ((lane % size) & 31);
    }
    for (const lane of lanes) {
      const subgroup = Math.floor(lane / size);
      if (isElect) parts[0]![lane] = Number(first.get(subgroup) === lane);
      else parts.forEach((part, i) => (part[lane] = bits.get(subgroup)![i]!));
    }
  });
  return { type: isElect ? scalar("bool") : vector("u32", 4), parts, isFresh: true };
}

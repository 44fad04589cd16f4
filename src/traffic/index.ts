import { checkList, checkObject, checkWhole, FormatError, optionsOf, refuse } from "../errors.ts";
import { parse } from "../wgsl/parse.ts";
import type { FunctionSyntax, ModuleSyntax, Parameter } from "../wgsl/syntax.ts";
import { Counter } from "./count.ts";
import { type Meaning, type Setting, Unwatched } from "./expressions.ts";
import { binary, unknown, type Value } from "./values.ts";

/** What all invocations of a kernel together ask of a buffer, in bytes. */
export interface BufferTraffic {
  /** Bytes read: a word that n invocations load counts n times. */
  readonly read: number;
  readonly written: number;
  /**
   * Bytes read if each workgroup reads a word once, judged by one of them. Of workgroups with very many loads, only
   * invocations that load a word at the same time share it.
   */
  readonly shared: number;
  /**
   * Whether this is the exact number of a run. It is not if values in memory decide what is loaded: then all branches
   * count, and one round of a loop. Nor is it for large grids, of which some workgroups are counted.
   */
  readonly isExact: boolean;
}

/** What a kernel asks for. */
export interface TrafficCount {
  /** By the names of buffers in the WGSL. */
  readonly buffers: Readonly<Record<string, BufferTraffic>>;
  /** Invocations in all workgroups. */
  readonly invocations: number;
  /** Bytes of workgroup memory that one workgroup uses. */
  readonly workgroupBytes: number;
}

/** How a kernel runs. */
export interface TrafficOptions {
  /** Workgroups along x, y and z, at least one each. */
  readonly workgroups: readonly [x: number, y: number, z: number];
  /**
   * Numbers in buffers, by name, where they decide what is loaded: indices of an embedding, for example. Each is as the
   * buffer has them, one per word of 4 bytes. Default: none is known.
   */
  readonly data?: Readonly<Record<string, ArrayLike<number>>>;
  /** Invocations in a subgroup. Default: 32. */
  readonly subgroupSize?: number;
  /** Most invocations that are counted one by one; of larger grids, workgroups at even distances. Default: 2¹⁴. */
  readonly mostInvocations?: number;
}

/** Of a sample: most invocations. */
const sampleSize = 2 ** 11;

/**
 * Counts how often a kernel asks for its buffers, from its text: every load of every invocation, without running it. It
 * needs no GPU, and no values but those that decide what is loaded. Loops whose rounds ask for the same are counted as one
 * round, times their number, so large problems take no longer than small ones.
 *
 * The kernel may use what `findRaces` knows.
 *
 * @param wgsl the kernel, such as `program.inspect().kernels[0].wgsl`. Its first entry point is counted.
 * @returns bytes read and written, for each buffer.
 * @throws FormatError for what it cannot read, with the line of syntax and names that it does not know, AttributeError
 * for wrong options, LimitError for loops with more than 2²⁰ rounds that differ.
 *
 * @example
 * const { buffers } = countTraffic(wgsl, { workgroups: [4, 4, 1] });
 * console.log(buffers.a.read / (256 * 256 * 4)); // how often each element of a is asked for
 */
export function countTraffic(wgsl: string, options: TrafficOptions): TrafficCount {
  const op = "countTraffic";
  if (typeof wgsl !== "string") refuse(op, "the kernel", wgsl, "WGSL");
  const {
    workgroups,
    data = {},
    subgroupSize = 32,
    mostInvocations = 2 ** 14,
  } = optionsOf<TrafficOptions, { readonly [K in keyof Required<TrafficOptions>]: undefined }>(op, options, {
    workgroups: undefined,
    data: undefined,
    subgroupSize: undefined,
    mostInvocations: undefined,
  });
  if (checkList(op, "workgroups", workgroups).length !== 3) refuse(op, "workgroups", workgroups, "three numbers");
  for (const count of workgroups) checkWhole(op, "workgroups", count, 1, 65535);
  checkObject(op, "data", data, "an object of numbers by buffer");
  checkWhole(op, "subgroupSize", subgroupSize, 1);
  checkWhole(op, "mostInvocations", mostInvocations, 1);
  const syntax = parse(wgsl);
  const entry = [...syntax.functions.values()].find(({ workgroup }) => workgroup);
  if (!entry) throw new FormatError("countTraffic: the kernel has no entry point");
  const size = sizeOf(syntax, entry);
  const grid = gridOf(workgroups, size, mostInvocations);
  const known = { data, subgroupSize };
  const { buffers, ...count } = new Kernel(syntax, entry, grid, known).count();
  const one = { ...grid, chosen: [grid.chosen[Math.floor(grid.chosen.length / 2)]!] };
  const parts = partsShared((watches) => new Kernel(syntax, entry, one, known, watches));
  const shared = Object.entries(buffers).map(([name, own]) => [name, { ...own, shared: own.read * parts(name) }]);
  return { ...count, buffers: Object.fromEntries(shared) };
}

/**
 * Which part of what a workgroup reads of a buffer is left if it reads each word once; 1 of buffers that it leaves alone.
 * @param kernelThat makes a kernel of one workgroup that watches words, or else rounds of loops.
 */
function partsShared(kernelThat: (watches: "words" | "rounds") => Kernel): (name: string) => number {
  const watched = (watches: "words" | "rounds"): { kernel: Kernel; isWhole: boolean } => {
    const kernel = kernelThat(watches);
    try {
      kernel.count();
      return { kernel, isWhole: true };
    } catch (error) {
      if (error instanceof Unwatched) return { kernel, isWhole: false };
      throw error;
    }
  };
  const whole = watched("words");
  // The first rounds of loops speak for the others.
  const { kernel } = whole.isWhole ? whole : watched("rounds");
  return (name) => {
    const { read, shared } = kernel.asked.get(name)!;
    return read > 0 ? shared / read : 1;
  };
}

/** What is known of memory and the adapter. */
interface Known {
  readonly data: Readonly<Record<string, ArrayLike<number>>>;
  readonly subgroupSize: number;
}

/** The invocations that are counted: all of some workgroups. */
interface Grid {
  readonly size: readonly number[];
  readonly workgroups: readonly number[];
  /** Which workgroups, counted along x first. */
  readonly chosen: readonly number[];
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function gridOf(workgroups: readonly number[], size: readonly number[], most: number): Grid {
  const [all, own] = [product(workgroups), product(size)];
  if (all * own <= most) return { size, workgroups, chosen: Array.from({ length: all }, (_, i) => i) };
  const count = Math.min(all, Math.max(8, Math.floor(Math.min(most, sampleSize) / own)));
  // One of each of as many equal parts, at places that follow no period: those of the golden ratio.
  const chosen = Array.from({ length: count }, (_, i) => Math.floor(((i + ((i * 0.618034 + 0.5) % 1)) * all) / count));
  return { size, workgroups, chosen };
}

function sizeOf(syntax: ModuleSyntax, { workgroup = [] }: FunctionSyntax): number[] {
  const constants = new Counter(syntax, { each: 1, sum: 1, isSure: true, maybe: 0 }, 1, { data: {} });
  return [0, 1, 2].map((axis) => (workgroup[axis] ? constants.constant(workgroup[axis]) : 1));
}

/** A kernel, ready to be counted once. */
class Kernel extends Counter {
  readonly #entry: FunctionSyntax;
  readonly #grid: Grid;
  readonly #subgroupSize: number;

  constructor(
    syntax: ModuleSyntax,
    entry: FunctionSyntax,
    grid: Grid,
    { data, subgroupSize }: Known,
    watches?: Setting["watches"],
  ) {
    const { size, workgroups, chosen } = grid;
    const own = product(size);
    const lanes = own * chosen.length;
    const each = product(workgroups) / chosen.length;
    super(syntax, { each, sum: each * lanes, isSure: each === 1, maybe: 0 }, lanes, { data, watches });
    this.#entry = entry;
    this.#grid = grid;
    this.#subgroupSize = subgroupSize;
  }

  count(): TrafficCount {
    for (const variable of this.syntax.variables) this.declare(variable, this.globals);
    const { params } = this.#entry;
    this.called(
      this.#entry,
      params.map((param): Meaning => ({ value: this.#argument(param) })),
    );
    return {
      buffers: Object.fromEntries(
        [...this.asked].map(([name, { read, written, shared, isExact }]) => [name, { read, written, shared, isExact }]),
      ),
      invocations: product(this.#grid.size) * product(this.#grid.workgroups),
      workgroupBytes: this.sharedBytes(),
    };
  }

  /** What the entry point is given: a built-in value, or a struct of some, which is not followed. */
  #argument({ builtin }: Parameter): Value {
    if (builtin === undefined) return unknown;
    if (builtin === "local_invocation_index") return this.#each((lane) => lane);
    if (builtin === "subgroup_invocation_id") return this.#each((lane) => lane % this.#subgroupSize);
    if (builtin === "subgroup_size") return { kind: "u32", v: this.#subgroupSize };
    const { size, workgroups } = this.#grid;
    const parts = [0, 1, 2].map((axis): Value => {
      const own = this.#each((lane) => placeIn(size, lane, axis));
      const group = this.#each((_, workgroup) => placeIn(workgroups, workgroup, axis));
      if (builtin === "local_invocation_id") return own;
      if (builtin === "workgroup_id") return group;
      if (builtin === "num_workgroups") return { kind: "u32", v: workgroups[axis]! };
      if (builtin === "global_invocation_id")
        return binary("+", binary("*", group, { kind: "u32", v: size[axis]! }), own);
      throw new FormatError(`countTraffic does not know @builtin(${builtin})`);
    });
    return { kind: "u32", parts };
  }

  /** A number of each invocation, by its place in the workgroup and the workgroup's in the grid. */
  #each(numberOf: (lane: number, workgroup: number) => number): Value {
    const { size, chosen } = this.#grid;
    const own = product(size);
    const v = new Float64Array(this.lanes).map((_, i) => numberOf(i % own, chosen[Math.floor(i / own)]!));
    return v.every((x) => x === v[0]) ? { kind: "u32", v: v[0]! } : { kind: "u32", v };
  }
}

/** The coordinate along an axis of what is number i in a box. */
const placeIn = ([x, y]: readonly number[], i: number, axis: number): number =>
  axis === 0 ? i % x! : axis === 1 ? Math.floor(i / x!) % y! : Math.floor(i / (x! * y!));

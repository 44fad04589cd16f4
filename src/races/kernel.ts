import { AttributeError, FormatError, ShapeError, TilegradError } from "../errors.ts";
import { parse } from "../wgsl/parse.ts";
import type { FunctionSyntax, ModuleSyntax, Parameter } from "../wgsl/syntax.ts";
import { scalar, sizeInWords, strideOf, type Type, vector, wordBytes } from "../wgsl/types.ts";
import type { Val } from "./arithmetic.ts";
import { type Finding, Findings } from "./findings.ts";
import { type Instruction, Machine, type Register } from "./machine.ts";
import { Memory } from "./memory.ts";
import type { Place } from "./places.ts";
import { Statements } from "./statements.ts";

/** The order in which workgroups run, and the invocations of each: a number shuffles the workgroups. */
export type Order = "forward" | "reversed" | number;

/** How often invocations touched a buffer. */
export interface Traffic {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What a run of a kernel came to. */
export interface KernelRun {
  readonly findings: readonly Finding[];
  /** What each buffer holds after the run, by its name in the WGSL. */
  readonly contents: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  /** Bytes that all invocations together read of each buffer and wrote to it. */
  readonly traffic: Readonly<Record<string, Traffic>>;
  /** Invocations in all workgroups. */
  readonly invocations: number;
  /** Bytes of workgroup memory that one workgroup uses. */
  readonly workgroupBytes: number;
}

/** What a kernel runs over, and how. */
export interface KernelSettings {
  readonly buffers: Readonly<Record<string, ArrayBufferView>>;
  readonly workgroups: readonly [number, number, number];
  readonly order: Order;
  readonly subgroupSize: number;
  readonly maxSteps: number;
  /** What a read past the end of a buffer gives. WebGPU may give either, or any other element. */
  readonly outside: "zero" | "last";
  readonly label?: string | undefined;
}

/**
 * Runs a kernel and watches what its invocations do.
 * @throws FormatError for what it does not know, ShapeError for a buffer that is absent or too small, LimitError for a
 * kernel that does not end.
 */
export function runKernel(wgsl: string, settings: KernelSettings): KernelRun {
  const syntax = parse(wgsl);
  const entry = [...syntax.functions.values()].find(({ workgroup }) => workgroup);
  if (!entry) throw new FormatError("the kernel has no entry point");
  const size = made(() => new Sizes(new Machine(1, wgsl, new Findings(undefined), 1), syntax, 1).workgroup(entry));
  const machine = new Machine(size[0] * size[1] * size[2], wgsl, new Findings(settings.label), settings.maxSteps);
  return made(() => new Kernel(machine, syntax, entry, size, settings)).run();
}

/** What is made of a kernel. It must be valid: a compiler says what is wrong with it, this one may only stumble. */
function made<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof TilegradError) throw error;
    throw new FormatError("the race finder cannot make sense of the kernel: does it compile?", { cause: error });
  }
}

/** A kernel, ready to run once. */
class Kernel extends Statements {
  readonly #size: readonly [number, number, number];
  readonly #settings: KernelSettings;
  readonly #buffers: readonly Memory[];
  readonly #shared: readonly Memory[];
  readonly #ids = new Map<string, readonly Register[]>();
  /** Sets private variables, then runs the entry point. */
  readonly #code: readonly Instruction[];
  /** By the machine's number for each: which workgroup it is. */
  readonly #workgroups: (readonly [number, number, number])[] = [];

  constructor(
    machine: Machine,
    syntax: ModuleSyntax,
    entry: FunctionSyntax,
    size: readonly [number, number, number],
    settings: KernelSettings,
  ) {
    super(machine, syntax, settings.subgroupSize);
    this.#size = size;
    this.#settings = settings;
    this.#buffers = syntax.buffers.map(({ name, type, access }) => {
      const data = settings.buffers[name];
      if (!data) throw new ShapeError(`findRaces: buffer "${name}" is missing`);
      const own = sized(this.types.type(type), data.byteLength);
      const bytes = sizeInWords(own) * wordBytes(own);
      if (data.byteLength < bytes)
        throw new ShapeError(`findRaces: buffer "${name}" has ${data.byteLength} bytes, the kernel declares ${bytes}`);
      return this.#memory(name, own, access);
    });
    this.#shared = syntax.shared.map(({ name, type }) => this.#memory(name, this.types.type(type), "workgroup"));
    this.#code = this.captured(() => {
      for (const variable of syntax.variables) this.declare(variable, this.globals);
      this.inline(
        entry,
        entry.params.map((param) => this.#argument(param)),
      );
    });
  }

  #memory(name: string, type: Type, space: "workgroup" | "read" | "read_write"): Memory {
    const memory = new Memory(this.machine, { name, type, space }, this.#workgroups);
    const place: Place = { name, type, offset: 0, at: memory, ...(space === "read" && { isSteady: true }) };
    this.globals.set(name, { kind: "variable", place });
    return memory;
  }

  /** What the entry point is given: a built-in value, or a struct of some. */
  #argument({ type, builtin = "" }: Parameter): Val {
    const own = this.types.type(type);
    if (own.kind === "struct") {
      const fields = this.syntax.structs.get(type.name)!.map((field) => this.#argument(field));
      return { type: own, parts: fields.flatMap(({ parts }) => parts) };
    }
    const width = own.kind === "vector" ? 3 : 1;
    const known = this.#ids.get(builtin) ?? Array.from({ length: width }, () => new Float64Array(this.machine.lanes));
    this.#ids.set(builtin, known);
    return { type: width === 3 ? vector("u32", 3) : scalar("u32"), parts: known };
  }

  run(): KernelRun {
    const m = this.machine;
    const { buffers, workgroups, order, outside } = this.#settings;
    for (const memory of this.#buffers) {
      memory.fill(viewOf(buffers[memory.name]!));
      if (outside === "last") memory.stray = memory.values.at(-1) ?? 0;
    }
    for (const workgroup of inOrder(workgroups, order)) {
      m.begin(workgroup, order === "reversed");
      this.#workgroups[m.group] = workgroup;
      for (const memory of this.#shared) memory.clear();
      this.#setIds(workgroup);
      m.run(this.#code);
    }
    const contents = this.#buffers.map((memory) => {
      const bytes = new Uint8Array(bytesOf(buffers[memory.name]!));
      if (!memory.isReadOnly) memory.copyTo(viewOf(bytes));
      return [memory.name, bytes] as const;
    });
    return {
      findings: m.findings.all(),
      contents: Object.fromEntries(contents),
      traffic: Object.fromEntries(
        this.#buffers.map(({ name, bytesRead, bytesWritten }) => [name, { bytesRead, bytesWritten }]),
      ),
      invocations: workgroups.reduce((product, n) => product * n, m.lanes),
      workgroupBytes: this.#shared.reduce((sum, { type, wordBytes }) => sum + sizeInWords(type) * wordBytes, 0),
    };
  }

  #setIds(workgroup: readonly [number, number, number]): void {
    const { workgroups } = this.#settings;
    const [across, rows] = this.#size;
    for (const [name, parts] of this.#ids) {
      for (let lane = 0; lane < this.machine.lanes; lane++) {
        const own = [lane % across, Math.floor(lane / across) % rows, Math.floor(lane / (across * rows))];
        parts.forEach((part, axis) => {
          part[lane] = this.#idOf(name, axis, { lane, own, workgroup, workgroups });
        });
      }
    }
  }

  #idOf(
    name: string,
    axis: number,
    at: {
      readonly lane: number;
      readonly own: readonly number[];
      readonly workgroup: readonly number[];
      readonly workgroups: readonly number[];
    },
  ): number {
    switch (name) {
      case "global_invocation_id":
        return at.workgroup[axis]! * this.#size[axis]! + at.own[axis]!;
      case "local_invocation_id":
        return at.own[axis]!;
      case "local_invocation_index":
        return at.lane;
      case "workgroup_id":
        return at.workgroup[axis]!;
      case "num_workgroups":
        return at.workgroups[axis]!;
      case "subgroup_size":
        return this.#settings.subgroupSize;
      case "subgroup_invocation_id":
        return at.lane % this.#settings.subgroupSize;
      default:
        throw new FormatError(`the race finder does not know @builtin(${name})`);
    }
  }
}

/** Evaluates the size of workgroups. */
class Sizes extends Statements {
  workgroup({ workgroup = [] }: FunctionSyntax): [number, number, number] {
    const [x, y, z] = [0, 1, 2].map((axis) => (workgroup[axis] ? this.number(workgroup[axis], this.globals) : 1));
    const size: [number, number, number] = [x!, y!, z!];
    if (!size.every((n) => Number.isInteger(n) && n >= 1) || x! * y! * z! > 1024)
      throw new AttributeError(`findRaces: a workgroup of ${size.join(" × ")} invocations`);
    return size;
  }
}

/** A type whose array ends where the buffer does. */
function sized(type: Type, bytes: number): Type {
  if (type.kind !== "array" || Number.isFinite(type.count)) return type;
  return { ...type, count: Math.floor(bytes / (strideOf(type.of) * wordBytes(type))) };
}

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const viewOf = (view: ArrayBufferView): DataView => new DataView(view.buffer, view.byteOffset, view.byteLength);

/** All workgroups of a grid. */
function inOrder([x, y, z]: readonly [number, number, number], order: Order): [number, number, number][] {
  const all = Array.from({ length: x * y * z }, (_, i): [number, number, number] => [
    i % x,
    Math.floor(i / x) % y,
    Math.floor(i / (x * y)),
  ]);
  if (order === "reversed") return all.reverse();
  if (order === "forward") return all;
  // A shuffle by a linear congruential generator (Numerical Recipes): the same for the same number.
  let state = order >>> 0;
  for (let i = all.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (i + 1));
    [all[i], all[other]] = [all[other]!, all[i]!];
  }
  return all;
}

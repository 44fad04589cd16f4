import { LimitError } from "../errors.ts";
import type { Access, Findings } from "./findings.ts";

/** A number of each invocation of a workgroup. */
export type Register = Float64Array<ArrayBuffer>;

/** What all active invocations do together. */
export type Instruction = () => void;

/** How an invocation leaves the statements that it is in. */
export const flows = { on: 0, break: 1, continue: 2, return: 3 } as const;

/** Most numbers of an invocation, and instructions of a kernel. */
const [mostRegisters, mostInstructions] = [2 ** 15, 2 ** 18];

/**
 * A workgroup at work: its invocations take each step together, those whose turn it is. Between barriers any order is
 * as good, unless there is a race, which is what `Memory` looks for.
 */
export class Machine {
  /** Invocations in a workgroup. */
  readonly lanes: number;
  readonly findings: Findings;
  /** Whose turn it is: the first `n` of `active`, in order. */
  active: Int32Array<ArrayBuffer>;
  n = 0;
  /** For each invocation one of `flows`. */
  readonly flow: Uint8Array<ArrayBuffer>;
  /** The workgroup, and its number in the order in which they run. */
  workgroup: readonly [number, number, number] = [0, 0, 0];
  group = 0;
  /** Counts barriers, workgroups too, for each kind of memory. */
  sharedPhase = 0;
  storagePhase = 0;
  readonly #lines: readonly string[];
  readonly #all: Int32Array<ArrayBuffer>;
  readonly #registers: Register[] = [];
  readonly #constants = new Map<number | "-0", Register>();
  #taken = 0;
  #instructions = 0;
  #steps = 0;
  readonly #mostSteps: number;

  constructor(lanes: number, wgsl: string, findings: Findings, mostSteps: number) {
    this.lanes = lanes;
    this.findings = findings;
    this.#lines = wgsl.split("\n");
    this.#mostSteps = mostSteps;
    this.flow = new Uint8Array(lanes);
    this.#all = new Int32Array(lanes);
    this.active = new Int32Array(lanes);
  }

  /** Registers for temporary values: those taken after a mark are free again when it is released. */
  take(count: number): Register[] {
    if (this.#taken + count > mostRegisters)
      throw new LimitError(`the race finder has room for ${mostRegisters} numbers per invocation`);
    while (this.#registers.length < this.#taken + count) this.#registers.push(new Float64Array(this.lanes));
    this.#taken += count;
    return this.#registers.slice(this.#taken - count, this.#taken);
  }

  mark(): number {
    return this.#taken;
  }

  release(mark: number): void {
    this.#taken = mark;
  }

  /** A number that all invocations have. */
  constant(value: number): Register {
    const key = Object.is(value, -0) ? "-0" : value;
    const known = this.#constants.get(key);
    if (known) return known;
    const made = new Float64Array(this.lanes).fill(value);
    this.#constants.set(key, made);
    return made;
  }

  /** Counts an instruction while a kernel is made: functions become part of each place that calls them. */
  countInstruction(): void {
    if (++this.#instructions > mostInstructions)
      throw new LimitError(`the race finder has room for ${mostInstructions} instructions; the kernel has more`);
  }

  /** Starts a workgroup with all of its invocations. */
  begin(workgroup: readonly [number, number, number], isReversed: boolean): void {
    this.workgroup = workgroup;
    this.group++;
    this.sharedPhase++;
    this.storagePhase++;
    this.flow.fill(flows.on);
    for (let i = 0; i < this.lanes; i++) this.#all[i] = isReversed ? this.lanes - 1 - i : i;
    this.active.set(this.#all);
    this.n = this.lanes;
    this.step(this.lanes);
  }

  /** Counts what is done, so that a kernel that never ends does. */
  step(count: number): void {
    this.#steps += count;
    if (this.#steps > this.#mostSteps)
      throw new LimitError(
        `the kernel takes more than ${this.#mostSteps} rounds of loops, all invocations together: does a loop not end, or is the problem too large?`,
      );
  }

  run(code: readonly Instruction[]): void {
    for (const instruction of code) {
      instruction();
      if (this.n === 0) return;
    }
  }

  /** Goes on with those that have not left. */
  narrow(): void {
    const { active, flow } = this;
    let kept = 0;
    for (let i = 0; i < this.n; i++) if (flow[active[i]!] === flows.on) active[kept++] = active[i]!;
    this.n = kept;
  }

  /** Those among the active whose number is not zero, or is. @returns how many. */
  select(from: Register, isWanted: boolean, to: Int32Array): number {
    let count = 0;
    for (let i = 0; i < this.n; i++) {
      const lane = this.active[i]!;
      if ((from[lane] !== 0) === isWanted) to[count++] = lane;
    }
    return count;
  }

  /** An access that this workgroup makes. */
  access(does: Access["does"], invocation: number, line: number): Access {
    return { does, invocation, workgroup: this.workgroup, line, text: this.textOf(line) };
  }

  textOf(line: number): string {
    return this.#lines[line - 1]?.trim() ?? "";
  }

  /** A barrier: all invocations of a workgroup must reach it. */
  barrier(name: string, line: number, orders: "shared" | "storage" | "both"): void {
    if (this.n === 0) return;
    if (this.n < this.lanes) {
      const present = new Set(this.active.subarray(0, this.n));
      const missing = this.#all.find((lane) => !present.has(lane))!;
      const access = this.access("reads", this.active[0]!, line);
      const { length } = this.#all;
      this.findings.add("barrier", name, `${line}`, () => ({
        kind: "barrier",
        name,
        access,
        words: (who) =>
          `is reached by ${present.size} of ${length} invocations: by ${who}, but not by invocation ${missing}`,
      }));
    }
    if (orders !== "storage") this.sharedPhase++;
    if (orders !== "shared") this.storagePhase++;
  }
}

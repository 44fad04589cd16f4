import { halfBits, halfValue } from "../graph/half.ts";
import {
  kindsIn,
  placesOf,
  type Scalar,
  scalarsOf,
  sizeInWords,
  strideOf,
  type Type,
  wordBytes,
} from "../wgsl/types.ts";
import type { Access } from "./findings.ts";
import type { Machine } from "./machine.ts";

/** Who touched a word last, for each word. */
class Marks {
  /** When: a phase of one workgroup, or for marks across workgroups the workgroup itself. */
  readonly when: Int32Array;
  readonly lane: Int32Array;
  readonly line: Int32Array;

  constructor(words: number) {
    this.when = new Int32Array(words).fill(-1);
    this.lane = new Int32Array(words);
    this.line = new Int32Array(words);
  }

  set(word: number, when: number, lane: number, line: number): void {
    this.when[word] = when;
    this.lane[word] = lane;
    this.line[word] = line;
  }
}

/** A buffer or variable that invocations share, and who read and wrote its words. */
export class Memory {
  readonly name: string;
  readonly type: Type;
  readonly isShared: boolean;
  readonly isReadOnly: boolean;
  readonly wordBytes: 2 | 4;
  readonly values: Float64Array<ArrayBuffer>;
  /** What is read where an index is out of range. */
  stray = 0;
  /** Bytes that invocations read and wrote. */
  bytesRead = 0;
  bytesWritten = 0;
  readonly #machine: Machine;
  /** Words of an element, for messages. */
  readonly #stride: number;
  readonly #written: Uint8Array;
  readonly #writes: Marks;
  readonly #reads: Marks;
  /** Another invocation that read the word in the same phase. */
  readonly #moreReads: Marks;
  readonly #farWrites: Marks;
  readonly #farReads: Marks;
  /** Another workgroup that read the word. */
  readonly #moreFarReads: Marks;
  /** By the number of a workgroup: which it is. */
  readonly #workgroups: (readonly [number, number, number])[];

  constructor(
    machine: Machine,
    { name, type, space }: { name: string; type: Type; space: "workgroup" | "read" | "read_write" },
    workgroups: (readonly [number, number, number])[],
  ) {
    this.#machine = machine;
    this.#workgroups = workgroups;
    this.name = name;
    this.type = type;
    this.isShared = space === "workgroup";
    this.isReadOnly = space === "read";
    this.wordBytes = wordBytes(type);
    this.#stride = type.kind === "array" ? strideOf(type.of) : Math.max(1, sizeInWords(type));
    const words = sizeInWords(type);
    const near = this.isReadOnly ? 0 : words;
    const far = this.isReadOnly || this.isShared ? 0 : words;
    this.values = new Float64Array(words);
    this.#written = new Uint8Array(this.isShared ? words : 0);
    [this.#writes, this.#reads, this.#moreReads] = [new Marks(near), new Marks(near), new Marks(near)];
    [this.#farWrites, this.#farReads, this.#moreFarReads] = [new Marks(far), new Marks(far), new Marks(far)];
  }

  /** A new workgroup has memory of its own. */
  clear(): void {
    this.values.fill(0);
    this.#written.fill(0);
  }

  /** Notes that an invocation reads a word. */
  read(word: number, lane: number, line: number): void {
    if (this.isReadOnly) return;
    const { group, sharedPhase, storagePhase } = this.#machine;
    const phase = this.isShared ? sharedPhase : storagePhase;
    const [writes, reads] = [this.#writes, this.#reads];
    if (writes.when[word] === phase && writes.lane[word] !== lane) this.#race(word, "reads", lane, line, writes);
    if (reads.when[word] !== phase) {
      reads.set(word, phase, lane, line);
    } else if (reads.lane[word] !== lane) this.#moreReads.set(word, phase, lane, line);
    if (this.isShared) {
      if (this.#written[word] === 0) this.#unwritten(word, lane, line);
      return;
    }
    const wrote = this.#farWrites.when[word]!;
    if (wrote >= 0 && wrote !== group) this.#race(word, "reads", lane, line, this.#farWrites, wrote);
    const read = this.#farReads.when[word]!;
    if (read < 0) this.#farReads.set(word, group, lane, line);
    else if (read !== group) this.#moreFarReads.set(word, group, lane, line);
  }

  /**
   * Notes that an invocation writes a word. @param isNeighbour whether it writes another component of the vector, which
   * may touch the whole of it: www.w3.org/TR/WGSL/#component-reference-from-vector-reference.
   */
  write(word: number, lane: number, line: number, isNeighbour = false): void {
    const { group, sharedPhase, storagePhase } = this.#machine;
    const phase = this.isShared ? sharedPhase : storagePhase;
    const [writes, reads, more] = [this.#writes, this.#reads, this.#moreReads];
    if (writes.when[word] === phase && writes.lane[word] !== lane) this.#race(word, "writes", lane, line, writes);
    else if (reads.when[word] === phase && reads.lane[word] !== lane) this.#race(word, "writes", lane, line, reads);
    else if (more.when[word] === phase && more.lane[word] !== lane) this.#race(word, "writes", lane, line, more);
    writes.set(word, phase, lane, line);
    if (this.isShared) {
      if (!isNeighbour) this.#written[word] = 1;
      return;
    }
    for (const marks of [this.#farWrites, this.#farReads, this.#moreFarReads]) {
      const when = marks.when[word]!;
      if (when >= 0 && when !== group) {
        this.#race(word, "writes", lane, line, marks, when);
        break;
      }
    }
    this.#farWrites.set(word, group, lane, line);
  }

  #race(
    word: number,
    does: Access["does"],
    lane: number,
    line: number,
    { lane: lanes, line: lines }: Marks,
    group?: number,
  ): void {
    const [other, otherLine] = [lanes[word]!, lines[word]!];
    const isFar = group !== undefined;
    const machine = this.#machine;
    machine.findings.add("race", this.name, `${otherLine} ${line} ${isFar}`, () => {
      const wrote = lanes === this.#writes.lane || lanes === this.#farWrites.lane;
      const earlier = machine.access(wrote ? "writes" : "reads", other, otherLine);
      const [past, present] = [wrote ? "written" : "read", does === "writes" ? "written" : "read"];
      return {
        kind: "race",
        name: this.name,
        index: this.#elementOf(word),
        access: machine.access(does, lane, line),
        other: isFar ? { ...earlier, workgroup: this.#workgroups[group]! } : earlier,
        words: (later, first) =>
          `is ${past} by ${first} and ${present} by ${later} ${isFar ? "of one dispatch" : "with no barrier between"}`,
      };
    });
  }

  #unwritten(word: number, lane: number, line: number): void {
    const machine = this.#machine;
    machine.findings.add("unwritten", this.name, `${line}`, () => ({
      kind: "unwritten",
      name: this.name,
      index: this.#elementOf(word),
      access: machine.access("reads", lane, line),
      words: (who) => `is read by ${who}, and nobody has written it`,
    }));
  }

  #elementOf(word: number): number {
    return Math.floor(word / this.#stride);
  }

  /** Takes the bytes of a buffer. */
  fill(bytes: DataView): void {
    this.#each((word, at, kind) => {
      this.values[word] = kind === "f16" ? halfValue(bytes.getUint16(at, true)) : numberAt(bytes, at, kind);
    }, bytes.byteLength);
  }

  /** Gives the bytes of a buffer. */
  copyTo(bytes: DataView): void {
    this.#each((word, at, kind) => {
      const value = this.values[word]!;
      if (kind === "f16") bytes.setUint16(at, halfBits(value), true);
      else if (kind === "f32") bytes.setFloat32(at, value, true);
      else bytes.setUint32(at, value, true);
    }, bytes.byteLength);
  }

  #each(visit: (word: number, at: number, kind: Scalar) => void, bytes: number): void {
    const kinds = kindsByWord(this.type);
    const words = Math.min(this.values.length, Math.floor(bytes / this.wordBytes));
    for (let word = 0; word < words; word++) visit(word, word * this.wordBytes, kinds[word % kinds.length] ?? "u32");
  }
}

const numberAt = (bytes: DataView, at: number, kind: Scalar): number =>
  kind === "f32" ? bytes.getFloat32(at, true) : kind === "i32" ? bytes.getInt32(at, true) : bytes.getUint32(at, true);

/** The kinds of numbers in the words of an element, or of all that is not an array. */
function kindsByWord(type: Type): (Scalar | undefined)[] {
  const of = type.kind === "array" ? type.of : type;
  const words = Math.max(1, type.kind === "array" ? strideOf(of) : sizeInWords(of));
  const kinds = new Set(kindsIn(of));
  if (kinds.size === 1) return new Array<Scalar>(words).fill([...kinds][0]!);
  const found: (Scalar | undefined)[] = new Array(words).fill(undefined);
  const places = placesOf(of);
  scalarsOf(of).forEach((kind, i) => {
    found[places[i]!] = kind;
  });
  return found;
}

/** One access to memory, by one invocation. */
export interface Access {
  readonly does: "reads" | "writes";
  /** `local_invocation_index`. */
  readonly invocation: number;
  readonly workgroup: readonly [number, number, number];
  /** A line of the WGSL, from 1, and its text. */
  readonly line: number;
  readonly text: string;
}

/** A fault of a kernel. */
export interface Finding {
  /**
   * - `race`: two accesses to one word, of which one writes, and no barrier between them;
   * - `barrier`: a barrier that an invocation of the workgroup misses;
   * - `subgroup`: an operation that takes a value from an invocation that is not there;
   * - `unwritten`: workgroup memory is read that nobody has written;
   * - `bounds`: an index is out of its buffer, array, vector or matrix.
   */
  readonly kind: "race" | "barrier" | "subgroup" | "unwritten" | "bounds";
  /** The kernel's label, if it has one. */
  readonly kernel?: string;
  /** The buffer or variable; of barriers and subgroup operations the function. */
  readonly name: string;
  /** Element of the array, where one is concerned. */
  readonly index?: number;
  /** The access at fault, for races the later one. */
  readonly access: Access;
  /** Of races: the earlier access. */
  readonly other?: Access;
  /** How often it was found between these lines. */
  readonly times: number;
  /** All of this as a sentence. */
  readonly message: string;
}

/** What findings are told with. */
export interface Noted {
  readonly kind: Finding["kind"];
  readonly name: string;
  readonly index?: number;
  readonly access: Access;
  readonly other?: Access;
  /** What follows in the message. */
  readonly words: (access: string, other: string) => string;
}

/** The findings of a run; those between the same lines are one. */
export class Findings {
  readonly #label: string | undefined;
  readonly #found = new Map<string, { note: Noted; times: number }>();

  constructor(label: string | undefined) {
    this.#label = label;
  }

  /** Counts a finding that may be known. @param note makes it, if it is new. */
  add(kind: Finding["kind"], name: string, lines: string, note: () => Noted): void {
    const key = `${kind} ${name} ${lines}`;
    const known = this.#found.get(key);
    if (known) known.times++;
    else this.#found.set(key, { note: note(), times: 1 });
  }

  all(): Finding[] {
    return [...this.#found.values()].map(({ note: { words, ...note }, times }) => ({
      ...(this.#label !== undefined && { kernel: this.#label }),
      ...note,
      times,
      message: messageOf({ words, ...note }, this.#label),
    }));
  }
}

const place = ({ line, text }: Access): string => `(line ${line}: ${text})`;

function messageOf({ kind, name, index, access, other, words }: Noted, label: string | undefined): string {
  const isFar = other !== undefined && String(other.workgroup) !== String(access.workgroup);
  const who = ({ invocation, workgroup }: Access): string =>
    `invocation ${invocation}${isFar ? ` of workgroup [${workgroup.join(", ")}]` : ""}`;
  const told = words(`${who(access)} ${place(access)}`, other ? `${who(other)} ${place(other)}` : "");
  const at = index === undefined ? "" : ` [${index}]`;
  return `${label === undefined ? "" : `${label}: `}${kind}: "${name}"${at} ${told}`;
}

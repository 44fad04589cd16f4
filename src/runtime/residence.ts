import type { Home } from "../compile/homes.ts";
import { FeedError } from "../errors.ts";
import { inMemory } from "../graph/half.ts";
import type { VirtualBuffer } from "../graph/op.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData, Variable } from "../graph/tensor.ts";

/** A program, finished or being made, as far as its variables are concerned. */
interface User {
  /** In words, for errors. */
  readonly name: string;
  readonly variables: ReadonlySet<Variable>;
}

/** Variables, or what holds some: a module, an optimizer's state, a list. */
export type Variables =
  | Variable
  | Iterable<Variable | readonly [name: string, variable: Variable]>
  | { readonly variables: ReadonlyMap<string, Variable> };

/** The variables themselves. @throws FeedError for anything else. */
export function listOf(call: string, things: readonly Variables[]): Variable[] {
  const refuse = (thing: unknown): never => {
    throw new FeedError(`${call}: ${thing} holds no variables, expected a model, a variable or a list of variables`);
  };
  return things.flatMap((thing) => {
    if (thing instanceof Variable) return [thing];
    const isHolder = (typeof thing === "object" && thing) || typeof thing === "function";
    const list = isHolder && ("variables" in thing ? thing.variables : thing);
    if (!list || typeof list[Symbol.iterator] !== "function") return refuse(thing);
    return [...list].map((each) => {
      const variable = Array.isArray(each) ? each[1] : each;
      return variable instanceof Variable ? variable : refuse(variable);
    });
  });
}

/**
 * Where the values of variables are on one device: in arenas, each from its home. A variable that no program has used yet has no
 * home; what is written to it waits, so that a model loaded before it is compiled still shares one arena.
 */
export class Residence {
  readonly homes = new Map<Variable, Home>();
  readonly #queue: GPUQueue;
  readonly #makeBuffer: (label: string, bytes: number) => GPUBuffer;
  readonly #arenas = new Map<VirtualBuffer, GPUBuffer>();
  readonly #waiting = new Map<Variable, TensorData>();
  readonly #users = new Map<object, User>();
  /** Variables whose first program is still being made. */
  readonly #unsettled = new Set<Variable>();
  /** For moments, step counts, random keys and the like: the parameters that they were used beside. */
  readonly #beside = new Map<Variable, Set<Variable>>();

  constructor(queue: GPUQueue, makeBuffer: (label: string, bytes: number) => GPUBuffer) {
    this.#queue = queue;
    this.#makeBuffer = makeBuffer;
  }

  /** Bytes of all arenas. */
  get bytes(): number {
    return [...this.#arenas.keys()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  arena(buffer: VirtualBuffer): GPUBuffer | undefined {
    return this.#arenas.get(buffer);
  }

  /** Where the variable's bytes lie, if it has a home. */
  placeOf(variable: Variable): { buffer: GPUBuffer; offset: number; bytes: number } | undefined {
    const home = this.homes.get(variable);
    if (!home) return undefined;
    const bytes = sizeOf(variable.shape) * bytesPer(variable.dtype);
    return { buffer: this.#arenas.get(home.buffer)!, offset: home.base, bytes };
  }

  /**
   * The value of a variable without a home here: what was written, else what it starts with.
   * @throws FeedError when it has another value by now, which some other engine holds or held.
   */
  hostValue(variable: Variable): TensorData {
    const written = this.#waiting.get(variable);
    if (written) return written.slice();
    variable.checkFirst();
    return variable.initial;
  }

  write(variable: Variable, data: TensorData): void {
    variable.changed();
    const place = this.placeOf(variable);
    // A home that is still being made may come to nothing.
    if (!place || this.#unsettled.has(variable)) this.#waiting.set(variable, new arrayOf[variable.dtype](data));
    if (!place) return;
    const bytes = inMemory(data, variable.dtype) as GPUAllowSharedBufferSource;
    this.#queue.writeBuffer(place.buffer, place.offset, bytes);
  }

  /** @throws FeedError as `hostValue`, for the first of some variables that has neither a home nor a value here. */
  check(variables: Iterable<Variable>): void {
    for (const variable of variables) {
      if (!this.homes.has(variable) && !this.#waiting.has(variable)) variable.checkFirst();
    }
  }

  /**
   * Makes the arenas of new homes and fills them: `check` comes first.
   * @param user what is to use the variables until it leaves. @param name what to call it in errors.
   */
  settle(homes: ReadonlyMap<Variable, Home>, user: object, name: string): void {
    const fresh = [...homes].filter(([variable]) => !this.homes.has(variable));
    const parameters = [...homes.keys()].filter(isParameter);
    for (const variable of homes.keys()) {
      if (isParameter(variable)) continue;
      const beside = this.#beside.get(variable) ?? new Set();
      for (const parameter of parameters) beside.add(parameter);
      this.#beside.set(variable, beside);
    }
    this.#users.set(user, { name, variables: new Set(homes.keys()) });
    for (const [variable, home] of fresh) {
      this.homes.set(variable, home);
      this.#unsettled.add(variable);
      if (!this.#arenas.has(home.buffer)) {
        this.#arenas.set(home.buffer, this.#makeBuffer(home.buffer.role, home.buffer.bytes));
      }
      // Memory of the GPU is zeros at first.
      if (variable.first === 0 && !this.#waiting.has(variable)) continue;
      const value = inMemory(this.hostValue(variable), variable.dtype) as GPUAllowSharedBufferSource;
      this.#queue.writeBuffer(this.#arenas.get(home.buffer)!, home.base, value);
    }
  }

  /** A user has been made: what its variables started with is on the GPU, and leaves the host. */
  settled(user: object): void {
    for (const variable of this.#users.get(user)!.variables) {
      this.#unsettled.delete(variable);
      this.#waiting.delete(variable);
      variable.release();
    }
  }

  /** A user is no more; its variables stay. */
  leave(user: object): void {
    this.#users.delete(user);
  }

  /**
   * Frees variables and, with the last of the parameters beside which they were used, moments, counts and random keys. An arena goes
   * with the last variable in it.
   * @throws FeedError when a program uses one of them; nothing has been freed then.
   */
  free(variables: readonly Variable[]): void {
    const going = new Set(variables);
    for (const { name, variables: used } of this.#users.values()) {
      const held = [...used].find((variable) => going.has(variable));
      if (!held) continue;
      throw new FeedError(`free: variable "${held.name}" is used by ${name}: destroy that program first`);
    }
    const inUse = this.#inUse();
    for (const [variable, beside] of this.#beside) {
      const served = [...beside].filter((parameter) => this.homes.has(parameter));
      if (!inUse.has(variable) && served.length > 0 && served.every((parameter) => going.has(parameter)))
        going.add(variable);
    }
    for (const variable of going) {
      this.homes.delete(variable);
      this.#waiting.delete(variable);
      this.#beside.delete(variable);
    }
    this.#tidy();
  }

  /** Takes back what `settle` made for a user that could not be finished. */
  undo(user: object): void {
    const { variables } = this.#users.get(user)!;
    this.leave(user);
    for (const variable of variables) {
      if (this.#unsettled.has(variable) && !this.#inUse().has(variable)) this.homes.delete(variable);
    }
    this.#tidy();
  }

  destroy(): void {
    for (const arena of this.#arenas.values()) arena.destroy();
  }

  #inUse(): Set<Variable> {
    return new Set([...this.#users.values()].flatMap(({ variables }) => [...variables]));
  }

  /** Destroys arenas in which nobody lives any more. */
  #tidy(): void {
    const inhabited = new Set([...this.homes.values()].map(({ buffer }) => buffer));
    for (const [buffer, arena] of this.#arenas) {
      if (inhabited.has(buffer)) continue;
      arena.destroy();
      this.#arenas.delete(buffer);
    }
  }
}

const isParameter = ({ group }: Variable): boolean => group === "parameters";

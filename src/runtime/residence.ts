import type { Home } from "../compile/homes.ts";
import { refuse, StateError } from "../errors.ts";
import { inMemory } from "../graph/half.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData, Variable } from "../graph/tensor.ts";
import type { VirtualBuffer } from "../kernels/call.ts";
import type { Keeper } from "./keeper.ts";

/** A program, finished or under construction, as a user of variables. */
interface User {
  /** In words, for errors. */
  readonly name: string;
  readonly variables: ReadonlySet<Variable>;
}

/** Whose variables they are. */
interface Host {
  readonly device: GPUDevice;
  readonly keeper: Keeper | undefined;
  makeBuffer(label: string, bytes: number): GPUBuffer;
}

/** Variables, or something that holds them: a module, an optimizer's state, a list. */
export type Variables =
  | Variable
  | Iterable<Variable | readonly [name: string, variable: Variable]>
  | { readonly variables: ReadonlyMap<string, Variable> };

/** Collects the variables. @throws AttributeError for anything else. */
export function listOf(call: string, things: readonly Variables[]): Variable[] {
  const none = (thing: unknown): never =>
    refuse(call, "the argument", thing, "a model, a variable or a list of variables");
  return things.flatMap((thing) => {
    if (thing instanceof Variable) return [thing];
    const isHolder = (typeof thing === "object" && thing) || typeof thing === "function";
    const list = isHolder && ("variables" in thing ? thing.variables : thing);
    if (!list || typeof list[Symbol.iterator] !== "function") return none(thing);
    return [...list].map((each) => {
      const variable = Array.isArray(each) ? each[1] : each;
      return variable instanceof Variable ? variable : none(variable);
    });
  });
}

/**
 * Where the values of variables live on one device: in arenas, each at its home. A variable without a program has no
 * home yet; a value written to it waits on the host, so a model loaded before it is compiled still shares one arena.
 */
export class Residence {
  readonly homes = new Map<Variable, Home>();
  readonly arenas = new Map<VirtualBuffer, GPUBuffer>();
  readonly #host: Host;
  readonly #waiting = new Map<Variable, TensorData>();
  readonly #users = new Map<object, User>();
  /** Variables whose first program is not finished yet. */
  readonly #unsettled = new Set<Variable>();
  /** For moments, step counts, random keys and the like: the parameters they were used with. */
  readonly #beside = new Map<Variable, Set<Variable>>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Bytes of all arenas. */
  get bytes(): number {
    return [...this.arenas.keys()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The variable's bytes on the GPU, if it has a home. */
  placeOf(variable: Variable): { buffer: GPUBuffer; offset: number; bytes: number } | undefined {
    const home = this.homes.get(variable);
    if (!home) return undefined;
    const bytes = sizeOf(variable.shape) * bytesPer(variable.dtype);
    return { buffer: this.arenas.get(home.buffer)!, offset: home.base, bytes };
  }

  /**
   * The value of a variable without a home here: the one written, else its first value.
   * @throws StateError when its current value is, or was, in another engine.
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
    // The program that makes the home may still fail.
    if (!place || this.#unsettled.has(variable)) this.#waiting.set(variable, new arrayOf[variable.dtype](data));
    if (place) this.#put(variable, data);
  }

  /** Puts a value into the variable's home. */
  #put(variable: Variable, data: TensorData): void {
    const { buffer, base } = this.homes.get(variable)!;
    const bytes = inMemory(data, variable.dtype);
    this.#host.keeper?.wrote(buffer, base, bytes);
    this.#host.device.queue.writeBuffer(this.arenas.get(buffer)!, base, bytes as GPUAllowSharedBufferSource);
  }

  /**
   * @throws StateError as `hostValue`, for the first variable that has neither a home nor a value here.
   */
  check(variables: Iterable<Variable>): void {
    for (const variable of variables) {
      if (!this.homes.has(variable) && !this.#waiting.has(variable)) variable.checkFirst();
    }
  }

  /**
   * Creates the arenas of new homes and fills them. Call `check` first.
   * @param user uses the variables until it leaves. @param name its name in errors.
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
      if (!this.arenas.has(home.buffer)) {
        this.arenas.set(home.buffer, this.#host.makeBuffer(home.buffer.role, home.buffer.bytes));
      }
      // GPU memory starts as zeros.
      if (variable.first === 0 && !this.#waiting.has(variable)) continue;
      this.#put(variable, this.hostValue(variable));
    }
  }

  /** The user is finished: first values are on the GPU now, and the host drops them. */
  settled(user: object): void {
    for (const variable of this.#users.get(user)!.variables) {
      this.#unsettled.delete(variable);
      this.#waiting.delete(variable);
      variable.release();
    }
  }

  /** Removes a user; its variables stay. */
  leave(user: object): void {
    this.#users.delete(user);
  }

  /**
   * Frees variables. Moments, counts and random keys go with the last of the parameters they were used with; an arena
   * goes with its last variable.
   * @throws StateError when a program uses one of them; nothing has been freed then.
   */
  free(variables: readonly Variable[]): void {
    const going = new Set(variables);
    for (const { name, variables: used } of this.#users.values()) {
      const held = [...used].find((variable) => going.has(variable));
      if (!held) continue;
      throw new StateError(`free: variable "${held.name}" is used by ${name}: destroy that program first`);
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

  /** Undoes `settle` for a user that could not be finished. */
  undo(user: object): void {
    const { variables } = this.#users.get(user)!;
    this.leave(user);
    for (const variable of variables) {
      if (this.#unsettled.has(variable) && !this.#inUse().has(variable)) this.homes.delete(variable);
    }
    this.#tidy();
  }

  /** Creates all arenas anew, empty, on the present device. */
  renew(): void {
    for (const [buffer, arena] of this.arenas) {
      arena.destroy();
      this.arenas.set(buffer, this.#host.makeBuffer(buffer.role, buffer.bytes));
    }
  }

  destroy(): void {
    for (const arena of this.arenas.values()) arena.destroy();
  }

  #inUse(): Set<Variable> {
    return new Set([...this.#users.values()].flatMap(({ variables }) => [...variables]));
  }

  /** Destroys arenas that hold no variable any more. */
  #tidy(): void {
    const inhabited = new Set([...this.homes.values()].map(({ buffer }) => buffer));
    for (const [buffer, arena] of this.arenas) {
      if (inhabited.has(buffer)) continue;
      arena.destroy();
      this.arenas.delete(buffer);
    }
  }
}

const isParameter = ({ group }: Variable): boolean => group === "parameters";

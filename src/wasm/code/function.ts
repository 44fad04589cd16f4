import { listed, sized, unsigned } from "./bytes.ts";
import { add, geUnsigned, i32, mul, type Type, Value, type Vector } from "./values.ts";

/** Numbers of types in the binary format; both kinds of vectors are 128 bits. */
export const typeCodes: Readonly<Record<Type, number>> = { i32: 0x7f, f32: 0x7d, i32x4: 0x7b, f32x4: 0x7b };

/** A variable of a function. Those that are set once change with the loop in which they are. */
export class Local<T extends Type = Type> extends Value<T> {
  readonly index: number;

  constructor(type: T, index: number, loop = Number.POSITIVE_INFINITY) {
    super(type, [0x20, ...unsigned(index)], loop);
    this.index = index;
  }
}

/** Whether a value is no longer than the variable that would hold it. */
const isShort = ({ code }: Value): boolean => code.length <= 2;

function append(code: number[], more: readonly number[]): void {
  for (const byte of more) code.push(byte);
}

/** A loop while it is written. */
interface Loop {
  /** What the block around it holds. */
  readonly around: Map<string, Local>;
  readonly counter?: {
    readonly index: number;
    /** What a round adds to the counter. */
    readonly step: number;
    /** Sums with multiples of the counter, by their code, and what a round adds to them. */
    readonly pointers: Map<string, { readonly local: Local<"i32">; readonly step: number }>;
  };
}

/** A block or loop that `leave` names. */
export interface Label {
  readonly depth: number;
}

/** A function while it is written. Statements are added in order. */
export class FunctionWriter {
  /** Values that are given, and never set. */
  readonly params: readonly Local[];
  readonly #locals: Local[];
  /** The function's code, then that of each open loop: what is added to one stands before the next. */
  readonly #bodies: number[][] = [[]];
  readonly #loops: Loop[] = [];
  /** What variables hold that are set once: those of the function, then of each open block, by the code of their values. */
  readonly #held: Map<string, Local>[] = [new Map()];
  #depth = 0;

  constructor(params: readonly Type[]) {
    this.params = params.map((type, i) => new Local(type, i, 0));
    this.#locals = [...this.params];
  }

  get #code(): number[] {
    return this.#bodies.at(-1)!;
  }

  /** A new variable, with a first value or zero. In a loop, the value is set each time round. */
  local<T extends Type>(type: T, value?: Value<T>): Local<T> {
    const made = this.#made(type);
    if (value) this.set(made, value);
    return made;
  }

  set<T extends Type>(local: Local<T>, { code }: Value<T>): void {
    this.#code.push(...code, 0x21, ...unsigned(local.index));
  }

  /** Adds to a variable. */
  increase<T extends Type>(local: Local<T>, by: Value<T>): void {
    this.set(local, add(local, by));
  }

  /** Keeps a value in a variable, so that it is computed once. */
  keep<T extends Type>(value: Value<T>): Value<T> {
    if (isShort(value) && value.loop < Number.POSITIVE_INFINITY) return value;
    const depth = this.#loops.length;
    if (value.loop < depth) return this.hoisted(value);
    if (value.loop === depth) return this.#once(this.#held.at(-1)!, depth, value);
    const made = this.#made(value.type, depth);
    this.set(made, value);
    return made;
  }

  /**
   * Computes a value before the loops whose rounds do not change it, and once for all who ask for it there. Engines of
   * WebAssembly leave it where it stands. What must be computed in each round stays as it is.
   */
  hoisted<T extends Type>(value: Value<T>): Value<T> {
    const loop = this.#loops[value.loop];
    return loop && !isShort(value) ? this.#once(loop.around, value.loop, value) : value;
  }

  /**
   * The sum of an address and a multiple of a number, in bytes, as a variable that follows the number round by round:
   * if that counts the innermost loop, and the address is the same in all its rounds.
   */
  pointer(address: Value<"i32">, count: Value<"i32">, factor: number): Local<"i32"> | undefined {
    const depth = this.#loops.length;
    const { counter } = this.#loops.at(-1) ?? {};
    if (!counter || !(count instanceof Local) || count.index !== counter.index) return undefined;
    if (address.loop >= depth) return undefined;
    const { code } = add(address, mul(count, i32(factor)));
    let pointer = counter.pointers.get(code.join());
    if (!pointer) {
      const local = this.#made("i32", depth);
      pointer = { local, step: factor * counter.step };
      counter.pointers.set(code.join(), pointer);
      append(this.#bodies[depth - 1]!, [...code, 0x21, ...unsigned(local.index)]);
    }
    return pointer.local;
  }

  /** A variable that is set to a value within a loop, or the one that was, in this block or those around it. */
  #once<T extends Type>(block: Map<string, Local>, loop: number, { type, code }: Value<T>): Local<T> {
    const key = `${type} ${code.join()}`;
    const known = this.#held.find((each) => each.has(key))?.get(key);
    if (known) return known as Local<T>;
    const made = this.#made(type, loop);
    block.set(key, made);
    append(this.#bodies[loop]!, [...code, 0x21, ...unsigned(made.index)]);
    return made;
  }

  #made<T extends Type>(type: T, loop?: number): Local<T> {
    const made = new Local(type, this.#locals.length, loop);
    this.#locals.push(made);
    return made;
  }

  /** Writes a value at an address in bytes, `offset` bytes further on. */
  store(address: Value<"i32">, { type, code }: Value, offset = 0): void {
    const instruction = { i32: [0x36], f32: [0x38], i32x4: [0xfd, 0x0b], f32x4: [0xfd, 0x0b] }[type];
    this.#code.push(...address.code, ...code, ...instruction, 2, ...unsigned(offset));
  }

  /** Writes one lane of a vector. */
  storeLane(address: Value<"i32">, { code }: Value<Vector>, at: number, offset = 0): void {
    this.#code.push(...address.code, ...code, 0xfd, 0x5a, 2, ...unsigned(offset), at);
  }

  /** Runs statements that `leave` can end early. */
  block(body: (end: Label) => void): void {
    this.#nested([0x02, 0x40], body);
  }

  /**
   * Runs statements again and again, until `leave` of a block around them.
   * @param counter what counts the rounds, if only the end of a round changes it, and by how much.
   */
  repeat(body: (again: Label) => void, counter?: { readonly local: Local<"i32">; readonly step: number }): void {
    const code: number[] = [];
    this.#bodies.push(code);
    this.#loops.push({
      around: this.#held.at(-1)!,
      ...(counter && { counter: { index: counter.local.index, step: counter.step, pointers: new Map() } }),
    });
    this.#nested([0x03, 0x40], (again) => {
      body(again);
      const pointers = this.#loops.at(-1)!.counter?.pointers.values() ?? [];
      for (const { local, step } of pointers) this.increase(local, i32(step));
      this.leave(again);
    });
    this.#loops.pop();
    this.#bodies.pop();
    append(this.#code, code);
  }

  /** Goes to the end of a block, or to the begin of a loop. */
  leave(label: Label, condition?: Value<"i32">): void {
    this.#code.push(...(condition?.code ?? []), condition ? 0x0d : 0x0c, ...unsigned(this.#depth - label.depth));
  }

  /** Runs statements for i = from, from + 1, … below `to`. */
  loop(from: Value<"i32">, to: Value<"i32">, body: (i: Local<"i32">) => void): void {
    const i = this.local("i32", from);
    this.block((end) =>
      this.repeat(() => {
        this.leave(end, geUnsigned(i, to));
        body(this.inRound(i));
        this.increase(i, i32(1));
      }),
    );
  }

  /** A variable as the body of the loop sees it, if only the end of a round changes it. */
  inRound<T extends Type>({ type, index }: Local<T>): Local<T> {
    return new Local(type, index, this.#loops.length);
  }

  /** Runs statements where a condition holds. */
  when(condition: Value<"i32">, then: () => void, otherwise?: () => void): void {
    this.#code.push(...condition.code);
    this.#nested([0x04, 0x40], () => {
      then();
      if (!otherwise) return;
      this.#code.push(0x05);
      this.#held.at(-1)!.clear();
      otherwise();
    });
  }

  #nested(begin: readonly number[], body: (label: Label) => void): void {
    this.#code.push(...begin);
    this.#held.push(new Map());
    body({ depth: ++this.#depth });
    this.#held.pop();
    this.#depth--;
    this.#code.push(0x0b);
  }

  /** The body in the binary format: variables, then code. @param result what it leaves on the stack. */
  finish(result?: Value): number[] {
    const own = this.#locals.slice(this.params.length).map(({ type }) => [1, typeCodes[type]]);
    return sized([...listed(own), ...this.#code, ...(result?.code ?? []), 0x0b]);
  }
}

/** The result of calling a function. */
export const called = <T extends Type>(type: T, index: number, ...args: readonly Value[]): Value<T> =>
  new Value(type, [...args.flatMap(({ code }) => code), 0x10, ...unsigned(index)], Number.POSITIVE_INFINITY);

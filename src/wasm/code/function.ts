import { listed, sized, unsigned } from "./bytes.ts";
import { add, geUnsigned, i32, type Type, Value, type Vector } from "./values.ts";

/** Numbers of types in the binary format; both kinds of vectors are 128 bits. */
export const typeCodes: Readonly<Record<Type, number>> = { i32: 0x7f, f32: 0x7d, i32x4: 0x7b, f32x4: 0x7b };

/** A variable of a function. */
export class Local<T extends Type = Type> extends Value<T> {
  readonly index: number;

  constructor(type: T, index: number) {
    super(type, [0x20, ...unsigned(index)]);
    this.index = index;
  }
}

/** A block or loop that `leave` names. */
export interface Label {
  readonly depth: number;
}

/** A function while it is written. Statements are added in order. */
export class FunctionWriter {
  readonly params: readonly Local[];
  readonly #locals: Local[];
  readonly #code: number[] = [];
  #depth = 0;

  constructor(params: readonly Type[]) {
    this.params = params.map((type, i) => new Local(type, i));
    this.#locals = [...this.params];
  }

  /** A new variable, with a first value or zero. In a loop, the value is set each time round. */
  local<T extends Type>(type: T, value?: Value<T>): Local<T> {
    const made = new Local(type, this.#locals.length);
    this.#locals.push(made);
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
    return value instanceof Local ? value : this.local(value.type, value);
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

  /** Runs statements again and again, until `leave` of a block around them. */
  repeat(body: (again: Label) => void): void {
    this.#nested([0x03, 0x40], (again) => {
      body(again);
      this.leave(again);
    });
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
        body(i);
        this.increase(i, i32(1));
      }),
    );
  }

  /** Runs statements where a condition holds. */
  when(condition: Value<"i32">, then: () => void, otherwise?: () => void): void {
    this.#code.push(...condition.code);
    this.#nested([0x04, 0x40], () => {
      then();
      if (!otherwise) return;
      this.#code.push(0x05);
      otherwise();
    });
  }

  #nested(begin: readonly number[], body: (label: Label) => void): void {
    this.#code.push(...begin);
    body({ depth: ++this.#depth });
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
  new Value(type, [...args.flatMap(({ code }) => code), 0x10, ...unsigned(index)]);

import { listed, named, sized, unsigned } from "./bytes.ts";
import { FunctionWriter, type Local, typeCodes } from "./function.ts";
import { add, i32, type Type, Value } from "./values.ts";

/** Most pages that a memory may have. */
const mostPages = 65536;

type Values<P extends readonly Type[]> = { readonly [K in keyof P]: Local<P[K]> };

/** A function of a module, to be called. */
export interface Callable<R extends Type = Type> {
  readonly index: number;
  readonly result: R;
}

/** The address of memory for arrays of functions: the only global. */
const stack = /* @__PURE__ */ new Value("i32", [0x23, 0]);

/** A module while it is written: functions over one memory that the host gives. */
export class ModuleWriter {
  readonly #types: string[] = [];
  readonly #functions: { readonly type: number; body: number[] }[] = [];
  readonly #library = new Map<string, number>();
  readonly #exports: (readonly [name: string, index: number])[] = [];
  #scratch = 0;

  /** Memory for the arrays of functions. Each has its own place; no function calls itself. */
  scratch(bytes: number): Value<"i32"> {
    const at = this.#scratch;
    this.#scratch += Math.ceil(bytes / 16) * 16;
    return add(stack, i32(at));
  }

  /** Bytes of that memory, whose address the host gives as `host.stack`. */
  get stackBytes(): number {
    return this.#scratch;
  }

  /** A function that several others call, written when it is first asked for. */
  shared<P extends readonly Type[], R extends Type>(
    name: string,
    params: P,
    result: R,
    write: (to: FunctionWriter, ...params: Values<P>) => Value<R>,
  ): Callable<R> {
    const known = this.#library.get(name);
    if (known !== undefined) return { index: known, result };
    const index = this.#declare(params, result);
    this.#library.set(name, index);
    const to = new FunctionWriter(params);
    this.#functions[index]!.body = to.finish(write(to, ...(to.params as unknown as Values<P>)));
    return { index, result };
  }

  /** A function without a result. @returns its index. */
  procedure(params: readonly Type[], write: (to: FunctionWriter, ...params: Local<never>[]) => void): number {
    const to = new FunctionWriter(params);
    write(to, ...(to.params as Local<never>[]));
    const index = this.#declare(params);
    this.#functions[index]!.body = to.finish();
    return index;
  }

  /** Lets the host call a function. */
  export(name: string, index: number): void {
    this.#exports.push([name, index]);
  }

  #declare(params: readonly Type[], result?: Type): number {
    const code = [
      0x60,
      ...listed(params.map((type) => [typeCodes[type]])),
      ...listed(result ? [[typeCodes[result]]] : []),
    ];
    const key = code.join();
    if (!this.#types.includes(key)) this.#types.push(key);
    return this.#functions.push({ type: this.#types.indexOf(key), body: [] }) - 1;
  }

  /**
   * The module in the binary format. It imports `host.memory` and `host.stack`.
   * @param isShared whether other threads see the memory, too: such a memory has a greatest size.
   */
  finish(isShared: boolean): Uint8Array<ArrayBuffer> {
    const section = (id: number, items: readonly (readonly number[])[]) =>
      items.length ? [id, ...sized(listed(items))] : [];
    const pages = isShared ? [3, 1, ...unsigned(mostPages)] : [0, 1];
    const memory = [...named("host"), ...named("memory"), 2, ...pages];
    const global = [...named("host"), ...named("stack"), 3, 0x7f, 0];
    return Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(
        1,
        this.#types.map((key) => key.split(",").map(Number)),
      ),
      ...section(2, [memory, global]),
      ...section(
        3,
        this.#functions.map(({ type }) => unsigned(type)),
      ),
      ...section(
        7,
        this.#exports.map(([name, index]) => [...named(name), 0, ...unsigned(index)]),
      ),
      ...section(
        10,
        this.#functions.map(({ body }) => body),
      ),
    ]);
  }
}

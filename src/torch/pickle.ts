/** A name that a pickle refers to, such as "torch FloatStorage". Nothing is loaded or called. */
export class Global {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What the caller makes of the two ways in which a pickle may ask for more than containers. */
export interface Unpickling {
  /** The result of a call: `name` is the function's, as in `Global`. */
  call(name: string, args: readonly unknown[]): unknown;
  /** The object of a persistent id. */
  persistent(id: unknown): unknown;
}

type Fail = (fault: string) => never;

/** What a mark leaves on the stack. */
const mark = { isMark: true } as const;

/**
 * Reads a pickle of protocol 2 that holds containers, numbers, texts and what `unpickling` makes. Dictionaries become Maps,
 * lists and tuples arrays. Runs nothing: every opcode that is not in this file is refused, and every call is the caller's.
 *
 * Source: the comments of Python's pickletools.
 */
export function unpickle(bytes: Uint8Array, { call, persistent }: Unpickling, fail: Fail): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = 0;

  const take = (count: number): number => {
    if (at + count > bytes.length) fail("the pickle is cut off");
    at += count;
    return at - count;
  };
  const pop = (): unknown => {
    if (stack.length === 0) fail("the pickle takes more than it has put");
    const value = stack.pop();
    return value === mark ? fail("the pickle takes a mark for a value") : value;
  };
  const toMark = (): unknown[] => {
    const from = stack.lastIndexOf(mark);
    if (from < 0) fail("the pickle has no mark where it needs one");
    const items = stack.splice(from);
    return items.slice(1);
  };
  const last = (): unknown => stack.at(-1);
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) return fail("the pickle is cut off");
    const text = new TextDecoder().decode(bytes.slice(at, end));
    at = end + 1;
    return text;
  };
  const get = (key: number): void => {
    if (!memo.has(key)) fail(`the pickle reads ${key} of its memory, which it has not written`);
    stack.push(memo.get(key));
  };
  const put = (key: number): void => {
    if (stack.length === 0 || last() === mark) fail("the pickle notes a value that is not there");
    memo.set(key, last());
  };
  const setItems = (pairs: readonly unknown[]): void => {
    const target = last();
    if (!(target instanceof Map) || pairs.length % 2 !== 0) fail("the pickle sets items of what is no dictionary");
    for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i], pairs[i + 1]);
  };
  const append = (items: readonly unknown[]): void => {
    const target = last();
    if (!Array.isArray(target)) fail("the pickle appends to what is no list");
    for (const item of items) target.push(item);
  };
  const tuple = (count: number): void => {
    const items = Array.from({ length: count }, pop).reverse();
    stack.push(items);
  };
  const text = (length: number): string => {
    const from = take(length);
    return new TextDecoder().decode(bytes.slice(from, from + length));
  };
  /** A whole number of some bytes, in two's complement. */
  const long = (length: number): number => {
    if (length > 8) return fail("the pickle has an integer of more than 64 bits");
    const from = take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i]!);
    return Number(length > 0 ? BigInt.asIntN(8 * length, value) : 0n);
  };

  const codes: Readonly<Record<string, () => void>> = {
    "}": () => stack.push(new Map()),
    "]": () => stack.push([]),
    ")": () => stack.push([]),
    "(": () => stack.push(mark),
    N: () => stack.push(null),
    "\x88": () => stack.push(true),
    "\x89": () => stack.push(false),
    K: () => stack.push(bytes[take(1)]),
    M: () => stack.push(view.getUint16(take(2), true)),
    J: () => stack.push(view.getInt32(take(4), true)),
    "\x8a": () => stack.push(long(bytes[take(1)]!)),
    G: () => stack.push(view.getFloat64(take(8))),
    X: () => stack.push(text(view.getUint32(take(4), true))),
    q: () => put(bytes[take(1)]!),
    r: () => put(view.getUint32(take(4), true)),
    h: () => get(bytes[take(1)]!),
    j: () => get(view.getUint32(take(4), true)),
    t: () => stack.push(toMark()),
    "\x85": () => tuple(1),
    "\x86": () => tuple(2),
    "\x87": () => tuple(3),
    s: () => setItems([pop(), pop()].reverse()),
    u: () => setItems(toMark()),
    a: () => append([pop()]),
    e: () => append(toMark()),
    c: () => stack.push(new Global(`${line()} ${line()}`)),
    Q: () => stack.push(persistent(pop())),
    R() {
      const [args, called] = [pop(), pop()];
      if (!(called instanceof Global) || !Array.isArray(args)) fail("the pickle calls what is no function");
      stack.push(call(called.name, args));
    },
    // Attributes of a dictionary, such as the versions of a state dict.
    b() {
      pop();
      if (!(last() instanceof Map)) fail("the pickle gives attributes to what is no dictionary");
    },
  };

  if (bytes[take(1)] !== 0x80 || bytes[take(1)] !== 2) return fail("is no pickle of protocol 2");
  for (;;) {
    const code = String.fromCharCode(bytes[take(1)]!);
    if (code === ".") {
      const value = pop();
      return stack.length === 0 ? value : fail("the pickle leaves more than one value");
    }
    if (!Object.hasOwn(codes, code))
      return fail(
        `the pickle has opcode ${JSON.stringify(code)}, which is not read: only tensors and containers are, save model.state_dict()`,
      );
    codes[code]!();
  }
}

import { FormatError } from "../errors.ts";
import { Names } from "../wgsl/names.ts";
import type { Expression, FunctionSyntax, ModuleSyntax } from "../wgsl/syntax.ts";
import { TypeNames } from "../wgsl/typeNames.ts";
import { fieldPlace, kindOf, sizeInWords, strideOf, type Type, widthOf, wordBytes } from "../wgsl/types.ts";
import { binary, builtins, converted, elementOf, type Kind, mapped, merged, unknown, type Value } from "./values.ts";
import { narrowed, Varies, type Weights } from "./weights.ts";

/** What invocations ask of a buffer, in bytes. */
export interface Asked {
  read: number;
  written: number;
  /** What is read if invocations of a workgroup that ask for a word at once share it. */
  shared: number;
  /** Where words are watched: those that were read. */
  readonly words: Set<number>;
  isExact: boolean;
}

/** A storage buffer, or null for workgroup memory, which is not counted. */
interface Buffer {
  readonly asked: Asked;
  /** Its numbers, if they are given. */
  readonly data: ArrayLike<number> | undefined;
}

/** A variable. */
export interface Cell {
  value: Value;
  /** How many conditions that memory decides were around its declaration. */
  readonly maybe: number;
}

/** Where a value is: in memory, from a word on, or in a variable. */
export type Place =
  | { readonly buffer: Buffer | null; readonly type: Type; readonly word: Value }
  | { readonly cell: Cell; readonly path: readonly Value[] }
  | { readonly value: Value };

export type Meaning =
  | { readonly value: Value }
  | { readonly cell: Cell }
  | { readonly memory: Place }
  | { readonly pointer: Place };

/** Names, and those around them. */
export const Scope = Names<Meaning>;
export type Scope = Names<Meaning>;

/** What is known beside the kernel, and what is watched. */
export interface Setting {
  /** Numbers in buffers, by name. */
  readonly data: Readonly<Record<string, ArrayLike<number>>>;
  /**
   * Of a single workgroup: `words` notes which are read, one round of a loop after the other; `rounds` which are read at
   * once.
   */
  readonly watches?: "words" | "rounds" | undefined;
}

/** Most loads whose words are watched. */
const mostWatched = { words: 2 ** 18, rounds: 2 ** 16 };

/** There are too many loads to watch each, or memory decides where they are. */
export class Unwatched {}

const number = (v: number, kind: Kind = "u32"): Value => ({ kind, v });

const components = ["xyzw", "rgba"];
const componentOf = (name: string): number => components.map((all) => all.indexOf(name)).find((i) => i >= 0) ?? 0;

const kindOfType = (type: Type): Kind => {
  if (type.kind === "array" || type.kind === "struct") return "f32";
  const kind = kindOf(type);
  return kind === "f16" ? "f32" : (kind as Kind);
};

/** Evaluates expressions, and counts what they ask of memory. */
export abstract class Expressions {
  /** How often each invocation is where the count has arrived. */
  protected at: Weights;
  protected readonly lanes: number;
  protected readonly syntax: ModuleSyntax;
  protected readonly globals = new Scope();
  readonly asked = new Map<string, Asked>();
  protected readonly types: TypeNames;
  /** How many loops that are counted as a whole are around. */
  protected depth = 0;
  /** How many workgroups each of those counted stands for. */
  readonly #workgroups: number;
  protected readonly watches: Setting["watches"];
  #watched = 0;

  constructor(
    syntax: ModuleSyntax,
    at: Weights & { readonly each: number },
    lanes: number,
    { data, watches }: Setting,
  ) {
    this.syntax = syntax;
    this.watches = watches;
    this.#workgroups = at.each;
    this.at = at;
    this.lanes = lanes;
    this.types = new TypeNames(syntax, (expression) => this.constant(expression));
    for (const [name, value] of syntax.constants) this.globals.set(name, { value: this.evaluate(value, this.globals) });
    for (const { name, type } of syntax.buffers) {
      const asked = { read: 0, written: 0, shared: 0, words: new Set<number>(), isExact: true };
      this.asked.set(name, asked);
      const buffer: Buffer = { asked, data: data[name] };
      this.globals.set(name, { memory: { buffer, type: this.types.type(type), word: number(0) } });
    }
    for (const { name, type } of syntax.shared)
      this.globals.set(name, { memory: { buffer: null, type: this.types.type(type), word: number(0) } });
  }

  protected abstract called(to: FunctionSyntax, args: readonly Meaning[]): Value;

  constant(expression: Expression): number {
    const { v } = this.evaluate(expression, this.globals);
    if (typeof v !== "number") throw new FormatError("countTraffic: a size is no constant");
    return v;
  }

  protected evaluate(expression: Expression, scope: Scope): Value {
    switch (expression.kind) {
      case "number": {
        const { type, value } = expression;
        return number(value, type === "abstract" ? "int" : type === "f32" && !expression.suffix ? "float" : type);
      }
      case "bool":
        return number(Number(expression.value), "bool");
      case "unary": {
        const { sign } = expression;
        if (sign === "*") return this.load(this.place(expression, scope));
        const x = this.evaluate(expression.x, scope);
        if (sign === "!") return mapped("bool", (a) => Number(!a), x);
        return mapped(x.kind, sign === "-" ? (a) => -a! : (a) => ~a!, x);
      }
      case "binary":
        return this.#binary(expression, scope);
      case "call":
        return this.#call(expression, scope);
      case "member":
        return this.#member(expression, scope);
      default:
        return this.load(this.place(expression, scope));
    }
  }

  #binary({ sign, a, b }: Extract<Expression, { kind: "binary" }>, scope: Scope): Value {
    const left = this.evaluate(a, scope);
    if (sign !== "&&" && sign !== "||") return binary(sign, left, this.evaluate(b, scope));
    const isAnd = sign === "&&";
    const before = this.at;
    // The second condition concerns those whom the first has not decided.
    this.at = narrowed(before, left, isAnd, this.lanes);
    const right = this.at.sum > 0 ? this.evaluate(b, scope) : left;
    this.at = before;
    return mapped("bool", isAnd ? (x, y) => Number(x && y) : (x, y) => Number(x || y), left, right);
  }

  /** A vector with several of the components of another, or one part of a value. */
  #member(expression: Extract<Expression, { kind: "member" }>, scope: Scope): Value {
    const { x, name } = expression;
    const outer = this.place(x, scope);
    const isStruct = "type" in outer && outer.type.kind === "struct";
    if (name.length === 1 || isStruct || !/^([xyzw]+|[rgba]+)$/.test(name)) return this.load(this.#within(outer, name));
    const whole = this.load(outer);
    if (!whole.parts) return { kind: whole.kind };
    return { ...whole, parts: [...name].map((letter) => whole.parts![componentOf(letter)] ?? unknown) };
  }

  /** Where a component of a vector, or a field of a struct, is. */
  #within(outer: Place, name: string): Place {
    if ("type" in outer && outer.type.kind === "struct") {
      const type = outer.type.fields.get(name)!;
      return { ...outer, type, word: binary("+", outer.word, number(fieldPlace(outer.type, name))) };
    }
    if ("cell" in outer || "value" in outer) {
      const isField = !/^[xyzwrgba]$/.test(name);
      const held = "cell" in outer ? this.load(outer) : outer.value;
      // Structs of variables: only whole ones are followed.
      if (isField || !held.parts) return { value: { kind: held.kind } };
    }
    return this.#element(outer, number(componentOf(name)));
  }

  #element(outer: Place, at: Value): Place {
    if ("value" in outer) return { value: elementOf(outer.value, at) };
    if ("cell" in outer) return { cell: outer.cell, path: [...outer.path, at] };
    const { type, word } = outer;
    const of: Type =
      type.kind === "array"
        ? type.of
        : type.kind === "matrix"
          ? { kind: "vector", of: type.of, count: type.rows }
          : { kind: "scalar", of: kindOf(type) };
    const stride = type.kind === "vector" ? 1 : strideOf(of);
    return {
      ...outer,
      type: of,
      word: binary(
        "+",
        word,
        mapped("u32", (i) => i! * stride, at),
      ),
    };
  }

  protected place(expression: Expression, scope: Scope): Place {
    switch (expression.kind) {
      case "name": {
        const meaning = scope.get(expression.name);
        if (!meaning) throw new FormatError(`countTraffic: line ${expression.line}: there is no "${expression.name}"`);
        if ("memory" in meaning) return meaning.memory;
        if ("pointer" in meaning) return meaning.pointer;
        return "cell" in meaning ? { cell: meaning.cell, path: [] } : meaning;
      }
      case "unary":
        if (expression.sign === "*" || expression.sign === "&") return this.place(expression.x, scope);
        break;
      case "index": {
        const outer = this.place(expression.x, scope);
        return this.#element(outer, this.evaluate(expression.at, scope));
      }
      case "member": {
        const outer = this.place(expression.x, scope);
        const isOne = expression.name.length === 1 || ("type" in outer && outer.type.kind === "struct");
        if (isOne) return this.#within(outer, expression.name);
      }
    }
    return { value: this.evaluate(expression, scope) };
  }

  /** Reads a value. */
  protected load(place: Place): Value {
    if ("value" in place) return place.value;
    if ("cell" in place) return place.path.reduce(elementOf, place.cell.value);
    const { buffer, type, word } = place;
    const kind = kindOfType(type);
    if (!buffer) return { kind };
    this.#ask(buffer, type, word, "read");
    return buffer.data ? this.#given(buffer.data, type, word) : { kind };
  }

  /** What the numbers of a buffer say. */
  #given(data: ArrayLike<number>, type: Type, { v, varies }: Value): Value {
    const kind = kindOfType(type);
    const at = (from: number): Value => {
      const value = typeof v === "number" ? (data[v + from] ?? 0) : v?.map((word) => data[word + from] ?? 0);
      return { kind, ...(value !== undefined && { v: value }), ...(varies !== undefined && { varies }) };
    };
    if (type.kind === "vector") return { kind, parts: Array.from({ length: type.count }, (_, i) => at(i)) };
    return type.kind === "scalar" || type.kind === "atomic" ? at(0) : unknown;
  }

  /** Counts an access by all who are here. */
  #ask({ asked }: Buffer, type: Type, word: Value, what: "read" | "written"): void {
    const { sum, isSure } = this.at;
    const own = widthOf(type) * wordBytes(type);
    asked[what] += sum * own;
    if (this.watches === "words" && this.depth > 0) throw new Varies(this.depth);
    if (this.watches) {
      this.#watched += this.lanes;
      if (this.#watched > mostWatched[this.watches]) throw new Unwatched();
    }
    if (what === "read" && this.watches === "words") this.#watch(asked, own, word);
    else if (what === "read" && this.watches === "rounds") asked.shared += sum * own * this.#apart(word);
    if (!isSure) asked.isExact = false;
  }

  /** Notes which words are read. */
  #watch(asked: Asked, bytes: number, { v }: Value): void {
    const { each } = this.at;
    if (v === undefined) throw new Unwatched();
    for (let i = 0; i < this.lanes; i++) {
      if (typeof each !== "number" && each[i] === 0) continue;
      const word = typeof v === "number" ? v : v[i]!;
      if (!asked.words.has(word)) asked.shared += bytes * this.#workgroups;
      asked.words.add(word);
    }
  }

  /** Which share of the invocations ask for different words. */
  #apart({ v }: Value): number {
    if (v === undefined) return 1;
    const { each } = this.at;
    const words = new Set<number>();
    let all = 0;
    for (let i = 0; i < this.lanes; i++) {
      if (typeof each !== "number" && each[i] === 0) continue;
      words.add(typeof v === "number" ? v : v[i]!);
      all++;
    }
    return all > 0 ? words.size / all : 1;
  }

  /** Writes a value. */
  protected store(place: Place, value: Value): void {
    if ("value" in place) return;
    if ("cell" in place) {
      const { cell, path } = place;
      const after = placed(cell.value, path, value);
      cell.value = this.at.maybe > cell.maybe ? { kind: value.kind } : merged(cell.value, after, this.at.each);
    } else if (place.buffer) this.#ask(place.buffer, place.type, place.word, "written");
  }

  #call({ callee, args }: Extract<Expression, { kind: "call" }>, scope: Scope): Value {
    const { name } = callee;
    const own = this.syntax.functions.get(name);
    if (own)
      return this.called(
        own,
        args.map((arg) => this.#argument(arg, scope)),
      );
    if (name.startsWith("atomic")) return this.#atomic(name, args, scope);
    if (name === "arrayLength" || name === "workgroupUniformLoad") return { kind: "u32" };
    const values = args.map((arg) => this.evaluate(arg, scope));
    if (name === "bitcast") return { kind: "u32" };
    const built = builtins[name];
    if (built) return built(values);
    const made = /^(vec[234]|array|mat[234]x[234])$/.test(name) && !callee.of ? undefined : this.types.find(callee);
    return this.#made(made, name, values);
  }

  /** The value of an argument, or what it points to. */
  #argument(arg: Expression, scope: Scope): Meaning {
    return this.pointerTo(arg, scope) ?? { value: this.evaluate(arg, scope) };
  }

  protected pointerTo(x: Expression, scope: Scope): Meaning | undefined {
    if (x.kind === "unary" && x.sign === "&") return { pointer: this.place(x.x, scope) };
    const meaning = x.kind === "name" ? scope.get(x.name) : undefined;
    return meaning && "pointer" in meaning ? meaning : undefined;
  }

  #atomic(name: string, [pointer, ...operands]: readonly Expression[], scope: Scope): Value {
    const place = this.place(pointer!, scope);
    for (const operand of operands) this.evaluate(operand, scope);
    if ("buffer" in place && place.buffer) {
      if (name !== "atomicStore") this.#ask(place.buffer, place.type, place.word, "read");
      if (name !== "atomicLoad") this.#ask(place.buffer, place.type, place.word, "written");
    }
    return { kind: "u32" };
  }

  /** A value of a type, from others. */
  #made(type: Type | undefined, name: string, values: readonly Value[]): Value {
    if (type?.kind === "scalar") {
      const kind = kindOfType(type);
      return values.length > 0 ? converted(values[0]!, kind) : number(0, kind);
    }
    const isVector = type ? type.kind === "vector" : /^vec[234]$/.test(name);
    const kind = type ? kindOfType(type) : (values[0]?.kind ?? "f32");
    if (isVector) {
      const count = type ? widthOf(type) : Number(name[3]);
      const given = values.length === 0 ? [number(0, kind)] : values.flatMap((value) => value.parts ?? [value]);
      const parts = given.length === 1 && !values[0]?.parts ? new Array<Value>(count).fill(given[0]!) : given;
      // A vector of which nothing is known may be among them.
      if (parts.length !== count) return { kind };
      return { kind, parts: type ? parts.map((part) => converted(part, kind)) : parts };
    }
    const isArray = type?.kind === "array" || name === "array";
    return isArray && values.length > 0 ? { kind: values[0]!.kind, parts: values } : { kind };
  }

  /** A value where one of a type is expected: numbers in the text take its kind. */
  protected fitted(value: Value, type: Type): Value {
    const isAbstract = value.kind === "int" || value.kind === "float";
    return isAbstract && type.kind === "scalar" ? converted(value, kindOfType(type)) : value;
  }

  /** The value that a variable has without another. */
  protected zero(type: Type): Value {
    return type.kind === "scalar" || type.kind === "vector" ? this.#made(type, "", []) : { kind: kindOfType(type) };
  }

  /** Bytes of workgroup memory. */
  protected sharedBytes(): number {
    return this.syntax.shared
      .map(({ type }) => this.types.type(type))
      .reduce((sum, type) => sum + sizeInWords(type) * wordBytes(type), 0);
  }
}

/** A value with another at some place within. */
function placed(whole: Value, [first, ...rest]: readonly Value[], value: Value): Value {
  if (!first) return value;
  const { parts } = whole;
  if (!parts || typeof first.v !== "number" || first.varies !== undefined) return { kind: whole.kind };
  return { ...whole, parts: parts.map((part, i) => (i === first.v ? placed(part, rest, value) : part)) };
}

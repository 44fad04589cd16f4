import { FormatError, noSuch } from "../../errors.ts";
import type { Expression, FunctionSyntax, ModuleSyntax, TypeName } from "../../wgsl/syntax.ts";
import type { FunctionWriter, Local } from "../code/function.ts";
import type { ModuleWriter } from "../code/module.ts";
import type { Value } from "../code/values.ts";
import * as w from "../code/values.ts";
import {
  combined,
  componentOf,
  converted,
  copied,
  gathered,
  kindOf,
  known,
  spread,
  sumOf,
  type Val,
  val,
  zero,
} from "./arithmetic.ts";
import { bitcast, builtins, chosen, kept, rowTimes } from "./builtins.ts";
import { Names, type Place } from "./names.ts";
import { bytesOf, partsOf, placesOf, type Scalar, scalar, showType, vector, type WgslType } from "./types.ts";
import { atLine, Changes, lineOf, needsWebGPU } from "./walk.ts";

/**
 * Bytes that an instruction may add to an address. The rest of the address may be less than the buffer's by as many, so
 * memory has room before the first buffer: see memory.ts.
 */
const nearBytes = 65536;

/** The number of a component by its name, as a place or a color; −1 for other names. */
export const componentAt = (name: string): number =>
  Math.max(...["xyzw", "rgba"].map((names) => (name.length === 1 ? names.indexOf(name) : -1)));

/** A multiple of a value: shifts are faster. */
function multiple(value: Value<"i32">, factor: number): Value<"i32"> {
  const shift = Math.log2(factor);
  return Number.isInteger(shift) ? w.shl(value, w.i32(shift)) : w.mul(value, w.i32(factor));
}

/** Values of expressions, within the function that is written. */
export abstract class Expressions {
  protected readonly module: ModuleWriter;
  protected readonly to: FunctionWriter;
  protected readonly syntax: ModuleSyntax;
  protected readonly globals = new Names();
  readonly #types = new Map<string, WgslType>();
  readonly #changes: Changes;
  /** Whether positions outside of an array become the last one within. */
  readonly #isChecked: boolean;

  constructor(module: ModuleWriter, to: FunctionWriter, syntax: ModuleSyntax, isChecked: boolean) {
    this.module = module;
    this.to = to;
    this.syntax = syntax;
    this.#changes = new Changes(syntax);
    this.#isChecked = isChecked;
    for (const [name, value] of syntax.constants)
      this.globals.set(name, { kind: "value", value: this.value(value, this.globals) });
  }

  /** Writes a function where it is called. @returns its result, if it has one. */
  protected abstract inline(called: FunctionSyntax, args: readonly Val[]): Val | undefined;

  /** Assigns a value. */
  protected abstract store(to: Expression, given: Val, names: Names): void;

  /** A number that is known now. */
  protected number(expression: Expression, names: Names): number {
    const { constant } = this.value(expression, names);
    if (constant === undefined) throw new FormatError("a size is no constant");
    return constant;
  }

  protected value(expression: Expression, names: Names): Val {
    const value = this.evaluate(expression, names);
    if (!value) throw new FormatError("a function without a result stands where a value should be");
    return value;
  }

  /** The value of an expression; `undefined` of a call without a result. */
  protected evaluate(expression: Expression, names: Names): Val | undefined {
    try {
      return this.#evaluated(expression, names);
    } catch (error) {
      throw atLine(error, lineOf(expression));
    }
  }

  #evaluated(expression: Expression, names: Names): Val | undefined {
    switch (expression.kind) {
      case "number": {
        const { value, type } = expression;
        return type === "abstract" ? known("i32", value, true) : known(type, value);
      }
      case "bool":
        return known("bool", Number(expression.value));
      case "name":
        return this.#named(expression.name, names);
      case "unary":
        return this.#unary(expression.sign, this.value(expression.x, names));
      case "binary":
        return this.#binary(expression, names);
      case "index":
        return this.#element(expression, names);
      case "member":
        return this.#member(this.value(expression.x, names), expression.name);
      case "call":
        return this.#call(expression.callee, expression.args, names);
    }
  }

  #named(name: string, names: Names): Val {
    const meaning = names.get(name);
    if (!meaning) throw new FormatError(`WebAssembly kernels do not know the name ${name}`);
    if (meaning.kind === "value") return meaning.value;
    if (meaning.kind === "variable") return { type: meaning.type, parts: meaning.locals };
    const { of, count, address, isConstant } = meaning;
    if (count === Number.POSITIVE_INFINITY) throw new FormatError(`buffer ${name} stands where a number should be`);
    const parts = Array.from(
      { length: count },
      (_, i) => this.#loaded({ type: of, address, offset: i * bytesOf(of), isConstant }).parts,
    );
    return { type: { kind: "array", of, count }, parts: parts.flat() };
  }

  #loaded({ type, address, offset, isConstant }: Place): Val {
    const places = placesOf(type);
    return val(type, ...partsOf(type).map((part, i) => w.load(part, address, offset + places[i]!, isConstant)));
  }

  #unary(sign: string, x: Val): Val {
    if (sign === "&" || sign === "*") throw new FormatError("WebAssembly kernels do not know pointers");
    const kind = kindOf(x.type);
    if (x.constant !== undefined) {
      const value = sign === "-" ? -x.constant : sign === "!" ? Number(!x.constant) : ~x.constant;
      return known(kind, value, x.isAbstract);
    }
    const isWide = x.parts[0]!.type.endsWith("x4");
    const of = (part: Value): Value => {
      if (sign === "-")
        return kind === "f32" || isWide ? w.neg(part as Value<"f32">) : w.sub(w.i32(0), part as Value<"i32">);
      if (isWide) return w.not(part as Value<"i32x4">);
      return sign === "!" ? w.isZero(part) : w.xor(part as Value<"i32">, w.i32(-1));
    };
    return { type: x.type, parts: x.parts.map(of) };
  }

  #binary({ sign, a, b }: Extract<Expression, { kind: "binary" }>, names: Names): Val {
    const left = this.before(this.value(a, names), b);
    if (sign !== "&&" && sign !== "||") {
      const right = this.value(b, names);
      const isRow = left.type.kind === "vector" && right.type.kind === "matrix";
      if (isRow) return rowTimes(this.to, left, right);
      return combined(sign, this.#spread(left, right), this.#spread(right, left));
    }
    const isAnd = sign === "&&";
    if (left.constant !== undefined) return Boolean(left.constant) === isAnd ? this.value(b, names) : left;
    // What reads memory waits for the first condition, which may guard it.
    if (!this.#reads(b, names)) {
      const right = this.value(b, names);
      const join = isAnd ? w.and : w.or;
      return val(scalar("bool"), join(left.parts[0] as Value<"i32">, right.parts[0] as Value<"i32">));
    }
    const result = this.to.local("i32", left.parts[0] as Value<"i32">);
    this.to.when(isAnd ? result : w.isZero(result), () =>
      this.to.set(result, this.value(b, names).parts[0] as Value<"i32">),
    );
    return val(scalar("bool"), result);
  }

  /** A float beside a vector of four: in all lanes, which is made before loops that do not change it. */
  #spread(x: Val, beside: Val): Val {
    const { type } = beside;
    if (type.kind !== "vector" || type.count !== 4 || type.of !== "f32" || x.type.kind !== "scalar") return x;
    const wide = spread(x.isAbstract ? converted(x, "f32") : x, 4);
    return { ...wide, parts: wide.parts.map((part) => this.to.hoisted(part)) };
  }

  /** Whether an expression reads a buffer. */
  #reads(expression: Expression, names: Names): boolean {
    switch (expression.kind) {
      case "index":
        return true;
      case "unary":
      case "member":
        return this.#reads(expression.x, names);
      case "binary":
        return this.#reads(expression.a, names) || this.#reads(expression.b, names);
      case "call":
        return (
          this.syntax.functions.has(expression.callee.name) || expression.args.some((arg) => this.#reads(arg, names))
        );
      default:
        return false;
    }
  }

  /** The place of an element in memory; `undefined` for one of a value. */
  protected placeOf({ x, at }: Extract<Expression, { kind: "index" }>, names: Names): Place | undefined {
    const meaning = x.kind === "name" ? names.get(x.name) : undefined;
    if (meaning?.kind !== "memory") {
      // One number of a vector in memory, or one element of an array in an array.
      const outer = x.kind === "index" ? this.placeOf(x, names) : undefined;
      if (outer?.type.kind !== "vector" && outer?.type.kind !== "array") return undefined;
      const of = outer.type.kind === "vector" ? scalar(outer.type.of) : outer.type.of;
      return this.#placeIn({ ...outer, type: of }, this.#within(outer.type.count, this.value(at, names)));
    }
    const { of, address, isConstant, count } = meaning;
    return this.#placeIn({ type: of, address, offset: 0, isConstant }, this.#within(count, this.value(at, names)));
  }

  /** A position in an array, or its last one. */
  #within(count: number, at: Val): Val {
    if (!this.#isChecked || count === Number.POSITIVE_INFINITY) return at;
    const index = kept(this.to, converted(at, "u32"));
    if (index.constant !== undefined) return known("u32", Math.min(index.constant, count - 1));
    const [part] = index.parts as [Value<"i32">];
    return val(scalar("u32"), w.either(w.ltUnsigned(part, w.i32(count)), part, w.i32(count - 1)));
  }

  /** The place of an element, given that of the first. */
  #placeIn(first: Place, at: Val): Place {
    const { type, address, offset } = first;
    const index = converted(at, "u32");
    const bytes = bytesOf(type);
    const { of, more } = index.constant === undefined ? sumOf(index) : { of: [], more: index.constant };
    const further = more * bytes;
    // One before the first is the last of all: a kernel may have such a constant where it never goes.
    const isNear = further >= 0 && further <= nearBytes;
    const place = (at: Value<"i32">): Place => ({ ...first, address: at, offset: offset + (isNear ? further : 0) });
    let sum = isNear ? address : w.add(address, w.i32(further));
    if (of.length === 0) return place(sum);
    // What changes least comes first, so that each loop begins with what it does not change.
    const terms = [...of].sort((a, b) => a.value.loop - b.value.loop);
    for (const [i, { value, factor }] of terms.entries()) {
      const from = this.to.hoisted(sum);
      const pointer = i === terms.length - 1 && this.to.pointer(from, value, factor * bytes);
      if (pointer) return place(pointer);
      sum = w.add(from, multiple(value, factor * bytes));
    }
    return place(this.to.hoisted(sum));
  }

  #element(expression: Extract<Expression, { kind: "index" }>, names: Names): Val {
    const place = this.placeOf(expression, names);
    if (place) return this.#loaded(place);
    const x = this.value(expression.x, names);
    const index = this.value(expression.at, names);
    if (x.type.kind === "array" && index.constant !== undefined) {
      const width = partsOf(x.type.of).length;
      return { type: x.type.of, parts: x.parts.slice(index.constant * width, (index.constant + 1) * width) };
    }
    if (x.type.kind === "matrix" && index.constant !== undefined) {
      const column = vector("f32", x.type.rows);
      const width = partsOf(column).length;
      return { type: column, parts: x.parts.slice(index.constant * width, (index.constant + 1) * width) };
    }
    if (x.type.kind === "vector") {
      if (index.constant !== undefined) return componentOf(x, index.constant);
      const { count } = x.type;
      const all = kept(this.to, x);
      const at = kept(this.to, index);
      return Array.from({ length: count }, (_, i) => componentOf(all, i)).reduce((found, each, i) =>
        chosen(found, each, combined("==", at, known(kindOf(at.type), i))),
      );
    }
    throw new FormatError(`WebAssembly kernels do not find elements of ${showType(x.type)} by position`);
  }

  #member(x: Val, name: string): Val {
    if (x.type.kind === "struct") {
      let from = 0;
      for (const [field, type] of x.type.fields) {
        const width = partsOf(type).length;
        if (field === name) return { type, parts: x.parts.slice(from, from + width) };
        from += width;
      }
      throw new FormatError(noSuch("field", name, [...x.type.fields.keys()]));
    }
    const places = [...name].map(componentAt);
    const { type } = x;
    if (type.kind !== "vector" || !places.every((at) => at >= 0 && at < type.count))
      throw new FormatError(`WebAssembly kernels find no ${name} in ${showType(type)}`);
    if (places.length === 1) return componentOf(x, places[0]!);
    const whole = kept(this.to, x);
    const { of } = type;
    const each = places.map((at) => componentOf(whole, at));
    return each.length === 4
      ? gathered(of, each)
      : { type: vector(of, each.length), parts: each.flatMap(({ parts }) => parts) };
  }

  #call(callee: TypeName, args: readonly Expression[], names: Names): Val | undefined {
    const { name } = callee;
    const own = this.syntax.functions.get(name);
    if (own) return this.inline(own, this.#values(args, names));
    if (name.startsWith("atomic") && name !== "atomic") return this.#atomic(name, args, names);
    if (name === "select") return this.#select(args as [Expression, Expression, Expression], names);
    if (name === "bitcast") return bitcast(kindOf(this.type(callee.of!)) as "f32", this.value(args[0]!, names));
    const builtin = builtins[name];
    if (/Barrier$|^(?:subgroup|quad|texture)[A-Z]/.test(name)) throw new FormatError(needsWebGPU(name));
    const values = this.#values(args, names);
    try {
      return builtin ? builtin({ module: this.module, to: this.to }, ...values) : this.#made(this.type(callee), values);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const types = values.map(({ type }) => showType(type)).join(", ");
      throw new FormatError(`${name} does not take (${types})`, { cause: error });
    }
  }

  /** Values of expressions, from left to right. */
  #values(args: readonly Expression[], names: Names): Val[] {
    return args.map((arg, i) => this.before(this.value(arg, names), ...args.slice(i + 1)));
  }

  /** A value as it is before others are computed: functions that they call may change what it reads. */
  protected before(value: Val, ...others: readonly Expression[]): Val {
    return others.some((other) => this.calls(other)) ? this.held(value) : value;
  }

  /** Whether an expression calls a function of the kernel, or one that writes. */
  protected calls(expression: Expression): boolean {
    switch (expression.kind) {
      case "index":
        return this.calls(expression.x) || this.calls(expression.at);
      case "unary":
      case "member":
        return this.calls(expression.x);
      case "binary":
        return this.calls(expression.a) || this.calls(expression.b);
      case "call": {
        const { name } = expression.callee;
        return (
          this.syntax.functions.has(name) || name.startsWith("atomic") || expression.args.some((arg) => this.calls(arg))
        );
      }
      default:
        return false;
    }
  }

  /** `atomicAdd(&counts[i], 1u)` and the like: only one invocation runs at a time. @returns the value before. */
  #atomic(name: string, [pointer, operand]: readonly Expression[], names: Names): Val | undefined {
    if (pointer?.kind !== "unary" || pointer.sign !== "&") throw new FormatError(`${name} takes a pointer: &counts[i]`);
    const given = operand && this.value(operand, names);
    if (name === "atomicStore") {
      this.store(pointer.x, given!, names);
      return undefined;
    }
    const before = this.held(this.value(pointer.x, names));
    const sign = { atomicAdd: "+", atomicSub: "-", atomicAnd: "&", atomicOr: "|", atomicXor: "^" }[name];
    const extreme = { atomicMin: "min", atomicMax: "max" }[name];
    if (sign) this.store(pointer.x, combined(sign, before, given!), names);
    else if (extreme)
      this.store(pointer.x, builtins[extreme]!({ module: this.module, to: this.to }, before, given!), names);
    else if (name === "atomicExchange") this.store(pointer.x, given!, names);
    else if (name !== "atomicLoad") throw new FormatError(`WebAssembly kernels do not know ${name}`);
    return before;
  }

  #select(args: [Expression, Expression, Expression], names: Names): Val {
    // Functions that change something are called, in their order.
    if (args.some((arg) => this.#changes.has(arg))) {
      const [no, yes, test] = this.#values(args, names) as [Val, Val, Val];
      return chosen(this.held(no), this.held(yes), test);
    }
    const [no, yes, condition] = args;
    const test = this.value(condition, names);
    if (test.constant !== undefined) return this.value(test.constant ? yes : no, names);
    const isGuard = test.type.kind === "scalar" && (this.#reads(no, names) || this.#reads(yes, names));
    if (!isGuard) return chosen(this.value(no, names), this.value(yes, names), test);
    // What reads memory is read where the condition asks for it only: it may guard it.
    const isAbstract = !this.#reads(yes, names) && this.value(yes, names).isAbstract;
    let made: Val | undefined;
    let locals: readonly Local[] = [];
    const put = (expression: Expression) => {
      const value = this.value(expression, names);
      if (!made) {
        made = value;
        locals = value.parts.map(({ type }) => this.to.local(type));
      }
      const fitted = value.isAbstract ? converted(value, kindOf(made.type)) : value;
      locals.forEach((local, i) => this.to.set(local, fitted.parts[i]!));
    };
    const holds = test.parts[0] as Value<"i32">;
    // The first gives the type: a number in the text takes that of the other.
    const [first, second] = isAbstract ? [no, yes] : [yes, no];
    this.to.when(
      isAbstract ? w.isZero(holds) : holds,
      () => put(first),
      () => put(second),
    );
    return { type: made!.type, parts: locals };
  }

  /** A value of a type, from others: conversions, vectors, matrices, arrays, structs. */
  #made(type: WgslType, args: readonly Val[]): Val {
    if (args.length === 0) return zero(type);
    switch (type.kind) {
      case "scalar":
        return converted(args[0]!, type.of);
      case "vector":
        return this.#vector(type.of, type.count, args);
      case "matrix": {
        const columns = args.map((arg) => (arg.isAbstract ? converted(arg, "f32") : arg));
        if (columns.every((column) => column.type.kind === "scalar") && type.rows === 4)
          return { type, parts: this.#columns(columns) };
        return { type, parts: columns.flatMap(({ parts }) => parts) };
      }
      case "array":
        return { type, parts: args.flatMap((arg) => this.fitted(arg, type.of).parts) };
      case "struct": {
        const types = [...type.fields.values()];
        return { type, parts: args.flatMap((arg, i) => this.fitted(arg, types[i]!).parts) };
      }
    }
  }

  /** Columns of four, from numbers. */
  #columns(numbers: readonly Val[]): Value[] {
    return Array.from(
      { length: numbers.length / 4 },
      (_, i) => gathered("f32", numbers.slice(4 * i, 4 * i + 4)).parts[0]!,
    );
  }

  #vector(of: Scalar, count: number, args: readonly Val[]): Val {
    const [first] = args as [Val];
    if (args.length === 1) {
      if (first.type.kind === "scalar") return spread(converted(first, of), count);
      return converted(first, of);
    }
    const numbers = args.flatMap((arg) => {
      if (arg.type.kind !== "vector") return [converted(arg, of)];
      const whole = kept(this.to, converted(arg, of));
      return Array.from({ length: arg.type.count }, (_, i) => componentOf(whole, i));
    });
    if (count === 4) return gathered(of, numbers);
    return { type: vector(of, count), parts: numbers.flatMap(({ parts }) => parts) };
  }

  /**
   * Copies a value into variables of its own. Known numbers need none, and neither do floats of constant memory: to read
   * one into all lanes of a vector is one instruction, and four neighbours are read as one.
   */
  protected held(value: Val): Val {
    if (value.constant !== undefined) return value;
    return copied(value, (part) => {
      if (!(part instanceof w.Loaded) || part.type !== "f32" || !part.isConstant) return this.to.keep(part);
      if (part.address.loop === Number.POSITIVE_INFINITY) return this.to.keep(part);
      return w.load("f32", this.to.keep(part.address), part.offset, true);
    });
  }

  /** A value as one of a type: numbers in the text take it. */
  protected fitted(value: Val, type: WgslType): Val {
    if (type.kind === "scalar" && value.isAbstract) return converted(value, type.of);
    if (showType(value.type) !== showType(type))
      throw new FormatError(`${showType(value.type)} stands where ${showType(type)} is expected`);
    if (type.kind === "scalar" && value.constant !== undefined && value.type.kind === "scalar")
      return known(type.of, value.constant);
    return { ...value, type };
  }

  protected type({ name, of, count }: TypeName): WgslType {
    const simple = /^vec([234])([fiu])$/.exec(name);
    if (simple) return vector(({ f: "f32", i: "i32", u: "u32" } as const)[simple[2] as "f"], Number(simple[1]));
    if (name === "f32" || name === "i32" || name === "u32" || name === "bool") return scalar(name);
    const matrix = /^mat([234])x([234])f$/.exec(name);
    if (matrix) return { kind: "matrix", columns: Number(matrix[1]), rows: Number(matrix[2]) };
    // One invocation runs at a time, so all memory is atomic.
    if (name === "atomic" && of) return this.type(of);
    if (/^vec[234]$/.test(name) && of) return vector(kindOf(this.type(of)), Number(name[3]));
    if (name === "array" && of && count)
      return { kind: "array", of: this.type(of), count: this.number(count, this.globals) };
    const known = this.#types.get(name);
    if (known) return known;
    const alias = this.syntax.aliases.get(name);
    const struct = this.syntax.structs.get(name);
    if (!alias && !struct) throw new FormatError(`WebAssembly kernels do not know the type or function ${name}`);
    const made: WgslType = alias
      ? this.type(alias)
      : { kind: "struct", fields: new Map(struct!.map((field) => [field.name, this.type(field.type)])) };
    this.#types.set(name, made);
    return made;
  }
}

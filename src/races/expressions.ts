import { FormatError } from "../errors.ts";
import type { Expression, FunctionSyntax, ModuleSyntax, TypeName } from "../wgsl/syntax.ts";
import { TypeNames } from "../wgsl/typeNames.ts";
import { kindOf, type Scalar, scalar, scalarsOf, showType, type Type, vector, widthOf } from "../wgsl/types.ts";
import { Arithmetic, rounders, type Val } from "./arithmetic.ts";
import { bitcast, builtin, componentsOf } from "./builtins.ts";
import type { Machine, Register } from "./machine.ts";
import { elementOf, fieldOf, isMemory, load, type Place, store, update, withIndex } from "./places.ts";
import { Scope } from "./scope.ts";
import { isSubgroupOperation, subgroupOperation } from "./subgroups.ts";

const components = ["xyzw", "rgba"];

/** What becomes of a word in an atomic operation; `more` is the third argument. */
const atomics: Readonly<Record<string, (before: number, given: number, more: number) => number>> = {
  atomicAdd: (before, given) => before + given,
  atomicSub: (before, given) => before - given,
  atomicMax: Math.max,
  atomicMin: Math.min,
  atomicAnd: (before, given) => before & given,
  atomicOr: (before, given) => before | given,
  atomicXor: (before, given) => before ^ given,
  atomicExchange: (_, given) => given,
  atomicCompareExchangeWeak: (before, given, more) => (before === given ? more : before),
};

/** Barriers, and the memory whose accesses they order. */
const barriers: Readonly<Record<string, "shared" | "storage">> = {
  workgroupBarrier: "shared",
  storageBarrier: "storage",
};

/** Writes instructions for expressions. */
export abstract class Expressions extends Arithmetic {
  protected readonly syntax: ModuleSyntax;
  protected readonly globals = new Scope();
  readonly #subgroupSize: number;
  protected readonly types: TypeNames;

  constructor(machine: Machine, syntax: ModuleSyntax, subgroupSize: number) {
    super(machine);
    this.syntax = syntax;
    this.#subgroupSize = subgroupSize;
    this.types = new TypeNames(syntax, (expression) => this.number(expression, this.globals));
    for (const [name, value] of syntax.constants)
      this.globals.set(name, { kind: "value", value: this.value(value, this.globals) });
  }

  /** Writes a function where it is called. @returns its result, if it has one. */
  protected abstract inline(called: FunctionSyntax, args: readonly (Val | Place)[]): Val | undefined;

  protected value(expression: Expression, scope: Scope): Val {
    const value = this.evaluate(expression, scope);
    if (!value) throw new FormatError("a function without a result stands where a value should be");
    return value;
  }

  /** A number that is known before the kernel runs. */
  protected number(expression: Expression, scope: Scope): number {
    const [constant] = this.value(expression, scope).constants ?? [];
    if (constant === undefined) throw new FormatError("a size is no constant");
    return constant;
  }

  /** The value of an expression; `undefined` of a call without a result. */
  protected evaluate(expression: Expression, scope: Scope): Val | undefined {
    switch (expression.kind) {
      case "number":
        return this.#literal(expression);
      case "bool":
        return this.known(scalar("bool"), [Number(expression.value)]);
      case "unary":
        return this.#unary(expression, scope);
      case "binary":
        return this.#binary(expression, scope);
      case "call":
        return this.#call(expression, scope);
      case "name": {
        const meaning = this.#meaning(expression, scope);
        return meaning.kind === "value" ? meaning.value : load(this, meaning.place, expression.line);
      }
      case "index": {
        const place = this.place(expression, scope);
        return load(this, place, expression.line);
      }
      case "member":
        return this.#member(expression, scope);
    }
  }

  #meaning({ name, line }: Extract<Expression, { kind: "name" }>, scope: Scope) {
    const meaning = scope.get(name);
    if (!meaning) throw new FormatError(`line ${line}: there is no "${name}"`);
    return meaning;
  }

  #literal({ value, type, suffix }: Extract<Expression, { kind: "number" }>): Val {
    const kind: Scalar = suffix === "h" ? "f16" : suffix ? (type as Scalar) : type === "abstract" ? "int" : "float";
    return this.known(scalar(kind), [rounders[kind](value)]);
  }

  #unary({ sign, x }: Extract<Expression, { kind: "unary" }>, scope: Scope): Val {
    if (sign === "*") return load(this, this.place({ kind: "unary", sign, x }, scope), lineOf(x));
    if (sign === "&") throw new FormatError("the race finder knows pointers as arguments and in let only");
    const value = this.value(x, scope);
    if (sign === "!") return this.map(value.type, (a) => Number(!a), value);
    return this.map(value.type, sign === "-" ? (a) => -a : (a) => ~a, value);
  }

  #binary({ sign, a, b }: Extract<Expression, { kind: "binary" }>, scope: Scope): Val {
    const left = this.#first(a, [b], scope);
    if (sign !== "&&" && sign !== "||") return this.combined(sign, left, this.value(b, scope));
    const isAnd = sign === "&&";
    if (left.constants) return Boolean(left.constants[0]) === isAnd ? this.value(b, scope) : left;
    // The second condition concerns those whom the first has not decided.
    const m = this.machine;
    const [out] = m.take(1) as [Register];
    this.move([out], left.parts);
    const code = this.captured(() => this.move([out], this.value(b, scope).parts));
    const list = new Int32Array(m.lanes);
    this.emit(() => {
      const { active, n } = m;
      m.n = m.select(out, isAnd, list);
      m.active = list;
      if (m.n > 0) m.run(code);
      m.active = active;
      m.n = n;
    });
    return { type: scalar("bool"), parts: [out], isFresh: true };
  }

  /** A value that stays as it is, though expressions that follow may change its variable. */
  #first(expression: Expression, others: readonly Expression[], scope: Scope): Val {
    const value = this.value(expression, scope);
    return others.some((other) => this.#calls(other)) ? this.held(value) : value;
  }

  /** Whether an expression calls a function of the kernel. */
  #calls(expression: Expression): boolean {
    switch (expression.kind) {
      case "unary":
      case "member":
        return this.#calls(expression.x);
      case "binary":
        return this.#calls(expression.a) || this.#calls(expression.b);
      case "index":
        return this.#calls(expression.x) || this.#calls(expression.at);
      case "call":
        return this.syntax.functions.has(expression.callee.name) || expression.args.some((arg) => this.#calls(arg));
      default:
        return false;
    }
  }

  /** Where the value of an expression is. */
  protected place(expression: Expression, scope: Scope): Place {
    switch (expression.kind) {
      case "name": {
        const meaning = this.#meaning(expression, scope);
        return meaning.kind === "value" ? placeOf(meaning.value, expression.name) : meaning.place;
      }
      case "unary":
        if (expression.sign === "*") return this.place(expression.x, scope);
        break;
      case "index": {
        const { x, at } = expression;
        const outer = this.place(x, scope);
        if (!elementOf(outer)) throw new FormatError(`${showType(outer.type)} has no elements`);
        const index = this.value(at, scope);
        if (index.type.kind !== "scalar") throw new FormatError(`${showType(index.type)} is no index`);
        return withIndex(
          this,
          outer,
          index.constants ? { known: index.constants[0]! } : { register: this.held(index).parts[0]! },
        );
      }
      case "member": {
        const outer = this.place(expression.x, scope);
        if (outer.type.kind === "struct" && outer.type.fields.has(expression.name))
          return fieldOf(outer, outer.type, expression.name);
        const at = components.map((names) => names.indexOf(expression.name)).find((index) => index >= 0);
        if (expression.name.length === 1 && at !== undefined && outer.type.kind === "vector")
          return withIndex(this, outer, { known: at });
      }
    }
    return placeOf(this.value(expression, scope), "a value");
  }

  #member(expression: Extract<Expression, { kind: "member" }>, scope: Scope): Val {
    const { x, name } = expression;
    const outer = this.place(x, scope);
    if (outer.type.kind !== "vector" || name.length === 1) {
      const isThere = outer.type.kind === "struct" ? outer.type.fields.has(name) : outer.type.kind === "vector";
      if (!isThere) throw new FormatError(`${showType(outer.type)} has no ${name}`);
      const line = lineOf(x);
      if (outer.type.kind === "struct") return load(this, fieldOf(outer, outer.type, name), line);
      return load(this, withIndex(this, outer, { known: componentsIn(name)[0]! }), line);
    }
    const whole = load(this, outer, lineOf(x));
    const each = componentsIn(name).map((at) => componentsOf(whole)[at]);
    if (each.some((component) => !component)) throw new FormatError(`${showType(whole.type)} has no ${name}`);
    return joined(vector(outer.type.of, each.length), each as Val[]);
  }

  #call({ callee, args, line }: Extract<Expression, { kind: "call" }>, scope: Scope): Val | undefined {
    const { name } = callee;
    const own = this.syntax.functions.get(name);
    if (own) return this.inline(own, this.#arguments(args, scope));
    if (name === "bitcast" && callee.of) return bitcast(this, this.types.type(callee.of), this.value(args[0]!, scope));
    const type = this.#made(callee, args, scope);
    if (type) return type;
    const m = this.machine;
    const barrier = barriers[name];
    if (barrier) {
      this.emit(() => m.barrier(name, line, barrier));
      return undefined;
    }
    if (name === "workgroupUniformLoad") {
      const place = this.#pointer(args[0]!, scope);
      this.emit(() => m.barrier(name, line, "shared"));
      const value = load(this, place, line);
      this.emit(() => m.barrier(name, line, "shared"));
      return value;
    }
    if (name === "arrayLength") {
      const { type } = this.#pointer(args[0]!, scope);
      return this.known(scalar("u32"), [(type as Extract<Type, { kind: "array" }>).count]);
    }
    if (name.startsWith("atomic")) return this.#atomic(name, args, scope, line);
    const values = this.#arguments(args, scope) as Val[];
    if (isSubgroupOperation(name)) return subgroupOperation(this, { name, line, size: this.#subgroupSize }, values);
    const made = builtin(this, name, values);
    if (!made) throw new FormatError(`line ${line}: the race finder does not know ${name}`);
    return made;
  }

  /** The arguments of a call: values, or the places that pointers point to. */
  #arguments(args: readonly Expression[], scope: Scope): (Val | Place)[] {
    return args.map((arg, i) =>
      this.#isPointer(arg, scope) ? this.#pointer(arg, scope) : this.#first(arg, args.slice(i + 1), scope),
    );
  }

  #isPointer(expression: Expression, scope: Scope): boolean {
    if (expression.kind === "unary") return expression.sign === "&";
    return expression.kind === "name" && scope.get(expression.name)?.kind === "pointer";
  }

  /** What a pointer points to; `undefined` if an expression is none. */
  protected pointerTo(expression: Expression, scope: Scope): Place | undefined {
    return this.#isPointer(expression, scope) ? this.#pointer(expression, scope) : undefined;
  }

  #pointer(expression: Expression, scope: Scope): Place {
    return this.place(expression.kind === "unary" && expression.sign === "&" ? expression.x : expression, scope);
  }

  #atomic(name: string, [pointer, ...operands]: readonly Expression[], scope: Scope, line: number): Val | undefined {
    const place = this.#pointer(pointer!, scope);
    if (place.type.kind !== "atomic" || !isMemory(place.at))
      throw new FormatError(`${name} takes a pointer to an atomic: &counts[i]`);
    const type = scalar(place.type.of);
    if (name === "atomicLoad") return load(this, place, line);
    const given = operands.map((operand) => this.fitted(this.value(operand, scope), type));
    if (name === "atomicStore") {
      store(this, place, given[0]!, line);
      return undefined;
    }
    const becomes = atomics[name];
    if (!becomes) throw new FormatError(`line ${line}: the race finder does not know ${name}`);
    const round = rounders[place.type.of];
    const before = update(
      this,
      place,
      (old, value, more) => round(becomes(old, value, more)),
      given.map(({ parts }) => parts[0]!),
      line,
    );
    const result: Val = { type, parts: [before], isFresh: true };
    if (name !== "atomicCompareExchangeWeak") return result;
    const exchanged = this.combined("==", result, given[0]!);
    const fields = new Map([
      ["old_value", type],
      ["exchanged", scalar("bool")],
    ]);
    return { type: { kind: "struct", name: "the result", fields }, parts: [before, exchanged.parts[0]!] };
  }

  /** A value of a type, from others: conversions, vectors, matrices, arrays, structs. */
  #made(callee: TypeName, args: readonly Expression[], scope: Scope): Val | undefined {
    const open = /^(?:(vec)([234])|(mat)([234])x([234])|array)$/.test(callee.name) && !callee.of;
    const named = open ? undefined : this.types.find(callee);
    if (!open && !named) return undefined;
    const values = this.#arguments(args, scope) as Val[];
    const type = named ?? this.#inferred(callee.name, values);
    if (values.length === 0) return this.zero(type);
    const [only] = values;
    switch (type.kind) {
      case "scalar":
        return this.converted(only!, type.of);
      case "vector":
        if (values.length === 1 && only!.type.kind === "scalar")
          return this.spread(this.converted(only!, type.of), type.count);
        break;
      case "matrix":
        if (values.length === 1 && only!.type.kind === "matrix") return this.converted(only!, type.of);
        break;
      case "array":
        return joined(
          type,
          values.map((value) => this.fitted(value, type.of)),
        );
      case "struct": {
        const fields = [...type.fields.values()];
        return joined(
          type,
          values.map((value, i) => this.fitted(value, fields[i]!)),
        );
      }
    }
    const isConversion = values.length === 1 && type.kind === "vector";
    const kind = kindOf(type);
    const parts = values.map((value) =>
      isConversion ? this.converted(value, kind) : this.fitted(value, { ...value.type, of: kind } as Type),
    );
    return joined(type, parts);
  }

  /** The type that `vec3(…)`, `mat2x2(…)` and `array(…)` make of their arguments. */
  #inferred(name: string, values: readonly Val[]): Type {
    const [first] = values;
    if (!first) throw new FormatError(`${name}() needs a type`);
    if (name === "array") {
      const alike = first.type.kind === "scalar" ? this.alike(...values) : values;
      return { kind: "array", of: this.concrete(alike[0]!).type, count: values.length };
    }
    const of = kindOf(this.alike(...values.flatMap(componentsOf))[0]!.type);
    const matrix = /^mat(\d)x(\d)$/.exec(name);
    if (matrix)
      return { kind: "matrix", of: of === "int" ? "float" : of, columns: Number(matrix[1]), rows: Number(matrix[2]) };
    return vector(of, Number(name[3]));
  }
}

const componentsIn = (name: string): number[] => {
  const names = components.find((all) => [...name].every((letter) => all.includes(letter)));
  if (!names) throw new FormatError(`a vector has no ${name}`);
  return [...name].map((letter) => names.indexOf(letter));
};

/** A value made of others. */
function joined(type: Type, values: readonly Val[]): Val {
  const parts = values.flatMap(({ parts }) => parts);
  if (parts.length !== widthOf(type))
    throw new FormatError(`${showType(type)} takes ${widthOf(type)} numbers, not ${parts.length}`);
  const constants = values.every(({ constants }) => constants)
    ? values.flatMap(({ constants }) => constants!)
    : undefined;
  return {
    type,
    parts,
    ...(constants && scalarsOf(type).length === constants.length && { constants }),
    ...(values.some(({ isVariable }) => isVariable) && { isVariable: true }),
  };
}

/** The registers of a value as a place. */
const placeOf = ({ type, parts, isVariable }: Val, name: string): Place => ({
  name,
  type,
  offset: 0,
  at: parts,
  ...(!isVariable && { isSteady: true }),
});

/** The line of the first name in an expression. */
function lineOf(expression: Expression): number {
  switch (expression.kind) {
    case "name":
    case "call":
    case "index":
      return expression.line;
    case "unary":
    case "member":
      return lineOf(expression.x);
    case "binary":
      return lineOf(expression.a);
    default:
      return 0;
  }
}

import { FormatError } from "../../errors.ts";
import { parse } from "../../wgsl/parse.ts";
import type { Block, BufferSyntax, Expression, FunctionSyntax, Statement } from "../../wgsl/syntax.ts";
import type { Label, Local } from "../code/function.ts";
import type { ModuleWriter } from "../code/module.ts";
import type { Value } from "../code/values.ts";
import * as w from "../code/values.ts";
import { combined, converted, kindOf, type Val, val, zero } from "./arithmetic.ts";
import { componentAt, Expressions } from "./expressions.ts";
import { type Meaning, Names } from "./names.ts";
import { bytesOf, partsOf, placesOf, scalar, type WgslType } from "./types.ts";
import { atLine, lineOf, nameOf, needsWebGPU } from "./walk.ts";

/*
 * From the text of a kernel to WebAssembly. Each invocation is one round of three loops. Functions are written where they
 * are called, as WGSL has no recursion, and vectors of four are SIMD values, so that a kernel whose invocations work on
 * four elements does so here.
 */

/**
 * A kernel as a function of a module. Its parameters are the addresses of its buffers, in the order of their bindings,
 * then the first workgroup and the one after the last, along x, y and z: any box of workgroups can be run alone.
 * @param isChecked whether positions outside of an array become the last one within: for kernels that others wrote.
 * @returns its index, and the numbers of the bindings.
 * @throws FormatError for what kernels of WebAssembly do not know, such as workgroup memory.
 */
export function compileKernel(
  module: ModuleWriter,
  wgsl: string,
  isChecked = false,
): { index: number; bindings: readonly number[] } {
  const syntax = parse(wgsl);
  if (syntax.shared.length > 0) throw new FormatError(needsWebGPU("var<workgroup>"));
  const buffers = [...syntax.buffers].sort((a, b) => a.binding - b.binding);
  const params = new Array<"i32">(buffers.length + 6).fill("i32");
  const index = module.procedure(params, (to, ...given) => {
    const kernel = new KernelCompiler(module, to, syntax, isChecked);
    buffers.forEach((buffer, i) => kernel.buffer(buffer, given[i] as Value<"i32">));
    kernel.main(given.slice(buffers.length) as Value<"i32">[]);
  });
  return { index, bindings: buffers.map(({ binding }) => binding) };
}

/** Calls of functions that a kernel may have, with those within them. */
const mostCalls = 10_000;

/** Where statements are: what they may leave. */
interface Context {
  readonly names: Names;
  /** The end of the function, and where its result goes. */
  readonly end: Label;
  readonly result?: { readonly type: WgslType; readonly locals: readonly Local[] };
  readonly breaks?: Label;
  readonly continues?: Label;
}

/** A kernel while it is written. */
class KernelCompiler extends Expressions {
  /** Positions that have a name. */
  #positions = 0;
  /** Functions that are being written, and how many have been. */
  readonly #open = new Set<string>();
  #written = 0;

  buffer({ name, type, access }: BufferSyntax, address: Value<"i32">): void {
    if (type.name !== "array" || !type.of) throw new FormatError(`buffer ${name} is ${type.name}, expected an array`);
    const count = type.count ? this.number(type.count, this.globals) : Number.POSITIVE_INFINITY;
    this.globals.set(name, { kind: "memory", of: this.type(type.of), count, address, isConstant: access === "read" });
  }

  /** The entry point, for all invocations of a box of workgroups. */
  main(box: readonly Value<"i32">[]): void {
    const entry = [...this.syntax.functions.values()].find(({ workgroup }) => workgroup);
    if (!entry) throw new FormatError("the kernel has no entry point");
    const sizes = [0, 1, 2].map((axis) => {
      const size = entry.workgroup![axis];
      return size ? this.number(size, this.globals) : 1;
    });
    const [x, y, z] = [0, 1, 2].map((axis) => {
      const size = w.i32(sizes[axis]!);
      return [0, 1].map((end) => this.to.local("i32", w.mul(box[2 * axis + end]!, size))) as [
        Local<"i32">,
        Local<"i32">,
      ];
    });
    this.to.loop(...z!, (iz) =>
      this.to.loop(...y!, (iy) =>
        this.to.loop(...x!, (ix) => {
          const args = entry.params.map(({ type, builtin = "" }) =>
            val(this.type(type), ...this.#builtin(builtin, [ix, iy, iz], sizes)),
          );
          for (const variable of this.syntax.variables) this.#declare(variable, this.globals);
          this.inline(entry, args);
        }),
      ),
    );
  }

  /** What an invocation knows of itself. */
  #builtin(name: string, ids: readonly Value<"i32">[], sizes: readonly number[]): Value[] {
    if (name === "global_invocation_id") return [...ids];
    if (name === "workgroup_id") return ids.map((id, axis) => w.divUnsigned(id, w.i32(sizes[axis]!)));
    if (name === "local_invocation_id") return ids.map((id, axis) => w.remUnsigned(id, w.i32(sizes[axis]!)));
    if (name === "local_invocation_index") {
      const [x, y, z] = ids.map((id, axis) => w.remUnsigned(id, w.i32(sizes[axis]!)));
      const rows = w.add(y!, w.mul(z!, w.i32(sizes[1]!)));
      return [w.add(x!, w.mul(rows, w.i32(sizes[0]!)))];
    }
    throw new FormatError(`WebAssembly kernels do not know @builtin(${name})`);
  }

  /** Writes a function where it is called. */
  protected inline(called: FunctionSyntax, args: readonly Val[]): Val | undefined {
    const { name, params } = called;
    if (args.length !== params.length)
      throw new FormatError(`${name} takes ${params.length} values, there are ${args.length}`);
    if (this.#open.has(name)) throw new FormatError(`${name} calls itself`);
    if (++this.#written > mostCalls)
      throw new FormatError(`more than ${mostCalls} calls, each of which is written out in WebAssembly`);
    this.#open.add(name);
    const made = this.#inlined(called, args);
    this.#open.delete(name);
    return made;
  }

  #inlined({ params, result, body }: FunctionSyntax, args: readonly Val[]): Val | undefined {
    const names = new Names(this.globals);
    params.forEach(({ name, type }, i) => {
      const of = this.type(type);
      names.set(name, { kind: "value", value: this.held(this.fitted(args[i]!, of)) });
    });
    const type = result && this.type(result);
    const [only] = body;
    if (type && body.length === 1 && only?.kind === "return" && only.value)
      return this.held(this.fitted(this.value(only.value, names), type));
    const made = type && { type, locals: partsOf(type).map((part) => this.to.local(part)) };
    this.to.block((end) => this.#block(body, { names, end, ...(made && { result: made }) }));
    return made && { type: made.type, parts: made.locals };
  }

  #block(body: Block, context: Context): void {
    const inner = { ...context, names: new Names(context.names) };
    for (const statement of body) this.#statement(statement, inner);
  }

  #statement(statement: Statement, context: Context): void {
    try {
      this.#add(statement, context);
    } catch (error) {
      throw atLine(error, lineOf(statement));
    }
  }

  #add(statement: Statement, context: Context): void {
    switch (statement.kind) {
      case "declare":
        this.#declare(statement, context.names);
        break;
      case "assign":
        this.#assign(statement, context.names);
        break;
      case "call":
        this.evaluate(statement.call, context.names);
        break;
      case "if":
        this.#if(statement, context);
        break;
      case "for":
        this.#for(statement, context);
        break;
      case "return": {
        if (statement.value && context.result) {
          const { type, locals } = context.result;
          const { parts } = this.fitted(this.value(statement.value, context.names), type);
          locals.forEach((local, i) => this.to.set(local, parts[i]!));
        }
        this.to.leave(context.end);
        break;
      }
      case "break":
        if (!context.breaks) throw new FormatError("break stands outside of a loop");
        this.to.leave(context.breaks);
        break;
      case "continue":
        if (!context.continues) throw new FormatError("continue stands outside of a loop");
        this.to.leave(context.continues);
        break;
      case "block":
        this.#block(statement.body, context);
        break;
      case "switch":
        throw new FormatError("WebAssembly kernels do not know switch");
    }
  }

  #declare({ how, name, type, value }: Extract<Statement, { kind: "declare" }>, names: Names): void {
    const own = type && this.type(type);
    const given = value ? this.value(value, names) : zero(own!);
    const fitted = own ? this.fitted(given, own) : given;
    if (how !== "var") {
      names.set(name, {
        kind: "value",
        value: fitted.isAbstract && how === "let" ? converted(fitted, "i32") : this.held(fitted),
      });
      return;
    }
    const made = fitted.isAbstract ? converted(fitted, "i32") : fitted;
    if (made.type.kind === "array") {
      names.set(name, this.#array(made));
      return;
    }
    const locals = made.parts.map((part) => this.to.local(part.type, part));
    names.set(name, { kind: "variable", type: made.type, locals });
  }

  /** An array in memory that its function has for itself. */
  #array({ type, parts }: Val): Meaning {
    const { of, count } = type as Extract<WgslType, { kind: "array" }>;
    const address = this.module.scratch(bytesOf(type));
    const places = placesOf(type);
    parts.forEach((part, i) => this.to.store(address, part, places[i]!));
    return { kind: "memory", of, count, address, isConstant: false };
  }

  #assign({ to, sign, value }: Extract<Statement, { kind: "assign" }>, outer: Names): void {
    const { place, names } = this.#steady(to, value, outer);
    if (sign === "") {
      this.store(place, this.value(value, names), names);
      return;
    }
    const last = this.before(this.value(place, names), value);
    this.store(place, combined(sign, last, this.value(value, names)), names);
  }

  /** What is assigned to, with names for positions that are computed once, before the value. */
  #steady(to: Expression, value: Expression, outer: Names): { readonly place: Expression; readonly names: Names } {
    if (to.kind !== "index" && to.kind !== "member") return { place: to, names: outer };
    const { place: x, names: before } = this.#steady(to.x, value, outer);
    if (to.kind === "member" || !(this.calls(to.at) || this.calls(value)))
      return { place: { ...to, x }, names: before };
    const names = new Names(before);
    const name = `position ${++this.#positions}`;
    names.set(name, { kind: "value", value: this.held(this.value(to.at, outer)) });
    return { place: { ...to, x, at: { kind: "name", name, line: to.line } }, names };
  }

  protected store(to: Expression, given: Val, names: Names): void {
    if (to.kind === "name") {
      const meaning = names.get(to.name);
      if (meaning?.kind !== "variable") throw new FormatError(`${to.name} cannot be assigned to`);
      const { type, locals } = meaning;
      const parts = this.#partsOf(this.fitted(given, type));
      locals.forEach((local, i) => this.to.set(local, parts[i]!));
      return;
    }
    if (to.kind === "index") {
      const place = this.placeOf(to, names);
      if (!place) throw new FormatError("WebAssembly kernels assign to elements of buffers and arrays only");
      if (place.isConstant) throw new FormatError("the buffer can only be read");
      const { type, address, offset } = place;
      const places = placesOf(type);
      this.#partsOf(this.fitted(given, type)).forEach((part, i) => this.to.store(address, part, offset + places[i]!));
      return;
    }
    if (to.kind === "member") {
      const at = componentAt(to.name);
      const place = to.x.kind === "index" ? this.placeOf(to.x, names) : undefined;
      if (place?.isConstant) throw new FormatError("the buffer can only be read");
      if (place && at >= 0) {
        this.to.store(place.address, converted(given, kindOf(place.type)).parts[0]!, place.offset + 4 * at);
        return;
      }
      const meaning = to.x.kind === "name" ? names.get(to.x.name) : undefined;
      if (meaning?.kind === "variable") {
        const { type, locals } = meaning;
        if (type.kind === "vector" && at >= 0) {
          const part = converted(given, type.of).parts[0]!;
          if (locals.length > 1) this.to.set(locals[at]!, part);
          else this.to.set(locals[0]!, w.withLane(locals[0] as Value<"f32x4">, at, part) as Value);
          return;
        }
      }
    }
    throw new FormatError(`WebAssembly kernels do not assign to ${to.kind}`);
  }

  /** The parts of a value that is stored: all are computed before any is changed. */
  #partsOf({ parts }: Val): readonly Value[] {
    return parts.length === 1 ? parts : parts.map((part) => this.to.keep(part));
  }

  #if({ condition, then, otherwise }: Extract<Statement, { kind: "if" }>, context: Context): void {
    const test = this.fitted(this.value(condition, context.names), scalar("bool"));
    if (test.constant !== undefined) {
      const taken = test.constant ? then : otherwise;
      if (taken) this.#block(taken, context);
      return;
    }
    this.to.when(
      test.parts[0] as Value<"i32">,
      () => this.#block(then, context),
      otherwise && (() => this.#block(otherwise, context)),
    );
  }

  #for({ first, condition, next, body, continuing }: Extract<Statement, { kind: "for" }>, context: Context): void {
    if (continuing) throw new FormatError("WebAssembly kernels do not know continuing");
    const inner = { ...context, names: new Names(context.names) };
    if (first) this.#statement(first, inner);
    const counter = this.#counter(first, next, body, inner.names);
    this.to.block((breaks) =>
      this.to.repeat(() => {
        if (condition) this.to.leave(breaks, w.isZero(this.value(condition, inner.names).parts[0]!));
        const names = new Names(inner.names);
        if (counter)
          names.set(counter.name, { kind: "value", value: val(counter.type, this.to.inRound(counter.local)) });
        this.to.block((continues) => this.#block(body, { ...inner, names, breaks, continues }));
        if (next) this.#statement(next, inner);
      }, counter),
    );
  }

  /** The variable that counts the rounds of a loop, if nothing else changes it, and what each round adds. */
  #counter(first: Statement | undefined, next: Statement | undefined, body: Block, names: Names) {
    if (first?.kind !== "declare" || next?.kind !== "assign" || next.sign !== "+") return undefined;
    const { name } = first;
    const meaning = names.get(name);
    if (meaning?.kind !== "variable" || meaning.type.kind !== "scalar") return undefined;
    if (next.to.kind !== "name" || next.to.name !== name || assigns(body, name)) return undefined;
    const { constant } = this.value(next.value, names);
    const [local] = meaning.locals as [Local<"i32">];
    return constant !== undefined && local.type === "i32"
      ? { name, type: meaning.type, local, step: constant }
      : undefined;
  }
}

/** Whether statements assign to a name. */
function assigns(body: Block, name: string): boolean {
  return body.some((statement) => {
    switch (statement.kind) {
      case "assign":
        return nameOf(statement.to) === name;
      case "if":
        return assigns(statement.then, name) || assigns(statement.otherwise ?? [], name);
      case "for":
        return assigns([...statement.body, ...(statement.next ? [statement.next] : [])], name);
      case "block":
        return assigns(statement.body, name);
      default:
        return false;
    }
  });
}

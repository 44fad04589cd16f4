import { FormatError, LimitError } from "../errors.ts";
import type { Block, Declaration, Expression, FunctionSyntax, Statement } from "../wgsl/syntax.ts";
import { type Cell, Expressions, type Meaning, Scope } from "./expressions.ts";
import { type Rounds, roundsOf } from "./rounds.ts";
import { binary, converted, isKnown, mapped, merged, type Value } from "./values.ts";
import { joined, narrowed, nobody, repeated, Varies, type Weights } from "./weights.ts";

type For = Extract<Statement, { kind: "for" }>;

/** A function that is being counted. */
interface Frame {
  readonly start: Weights;
  result: Value | undefined;
}

/** Those who have left the statements around them. */
interface Left {
  breaks: Weights | undefined;
  continues: Weights | undefined;
}

interface Context {
  readonly scope: Scope;
  readonly frame: Frame;
  readonly left: Left;
}

/** Most rounds of loops that are counted one by one. */
const mostRounds = 2 ** 20;

/** Walks a kernel once for all invocations, and counts how often they are at each access. */
export class Counter extends Expressions {
  /** Loops whose rounds differ in what they ask for. */
  readonly #uneven = new Set<For>();
  #rounds = 0;

  protected called({ name, params, result, body }: FunctionSyntax, args: readonly Meaning[]): Value {
    if (args.length !== params.length) throw new FormatError(`countTraffic: ${name} takes ${params.length} arguments`);
    const scope = new Scope(this.globals);
    params.forEach((param, i) => {
      const arg = args[i]!;
      scope.set(param.name, "value" in arg ? { value: this.fitted(arg.value, this.types.type(param.type)) } : arg);
    });
    const start = this.at;
    const frame: Frame = { start, result: undefined };
    this.#block(body, { scope, frame, left: { breaks: undefined, continues: undefined } });
    this.at = start;
    if (!result) return { kind: "f32" };
    return this.fitted(frame.result ?? { kind: "f32" }, this.types.type(result));
  }

  #block(body: Block, { scope, ...context }: Context): void {
    const inner = { ...context, scope: new Scope(scope) };
    this.#statements(body, inner);
  }

  #statements(body: Block, context: Context): void {
    for (const statement of body) {
      if (this.at.sum === 0) return;
      this.#statement(statement, context);
    }
  }

  #statement(statement: Statement, context: Context): void {
    const { scope, left } = context;
    switch (statement.kind) {
      case "declare":
        this.declare(statement, scope);
        break;
      case "assign": {
        const place = this.place(statement.to, scope);
        const { sign } = statement;
        const before = sign === "" ? undefined : this.load(place);
        const value = this.evaluate(statement.value, scope);
        this.store(place, before ? binary(sign, before, value) : value);
        break;
      }
      case "call":
        this.evaluate(statement.call, scope);
        break;
      case "block":
        this.#block(statement.body, context);
        break;
      case "if": {
        const { condition, then, otherwise } = statement;
        const test = this.evaluate(condition, scope);
        const before = this.at;
        this.#branch(
          before,
          test,
          [
            [narrowed(before, test, true, this.lanes), then],
            [narrowed(before, test, false, this.lanes), otherwise ?? []],
          ],
          context,
        );
        break;
      }
      case "for":
        this.#for(statement, context);
        break;
      case "switch":
        this.#switch(statement, context);
        break;
      case "return":
        this.#return(statement.value, context);
        break;
      case "break":
        left.breaks = left.breaks ? joined(left.breaks, this.at) : this.at;
        this.at = nobody(this.at);
        break;
      case "continue":
        left.continues = left.continues ? joined(left.continues, this.at) : this.at;
        this.at = nobody(this.at);
        break;
    }
  }

  /** Counts branches, each with those who take it. */
  #branch(before: Weights, test: Value, branches: readonly (readonly [Weights, Block])[], context: Context): void {
    const ends = branches.map(([at, body]) => {
      this.at = at;
      this.#block(body, context);
      return [at, this.at] as const;
    });
    const staysWhole = ends.every(([at, end]) => at === end);
    const after = ends.map(([, end]) => end).reduce(joined);
    // Those who may have left count on, but nobody knows for sure.
    const isSure = before.isSure && (staysWhole || isKnown(test));
    this.at = staysWhole ? before : { ...after, isSure: isSure && after.isSure, maybe: before.maybe };
  }

  #return(expression: Expression | undefined, { scope, frame }: Context): void {
    if (expression) {
      const value = this.evaluate(expression, scope);
      const { result, start } = frame;
      const isUnsure = this.at.maybe > start.maybe;
      frame.result = isUnsure ? { kind: value.kind } : result ? merged(result, value, this.at.each) : value;
    }
    this.at = nobody(this.at);
  }

  /** Makes a name for a value. */
  protected declare({ how, name, type, value }: Declaration, scope: Scope): void {
    const pointer = value && this.pointerTo(value, scope);
    if (pointer) {
      scope.set(name, pointer);
      return;
    }
    const own = type && this.types.type(type);
    const given = value ? this.evaluate(value, scope) : this.zero(own!);
    const fitted = own ? this.fitted(given, own) : given;
    if (how === "const") scope.set(name, { value: fitted });
    else {
      const concrete = !own && fitted.kind === "int" ? converted(fitted, "i32") : fitted;
      scope.set(name, how === "var" ? { cell: { value: concrete, maybe: this.at.maybe } } : { value: concrete });
    }
  }

  #switch({ value, cases }: Extract<Statement, { kind: "switch" }>, context: Context): void {
    const before = this.at;
    const by = this.evaluate(value, context.scope);
    const left: Left = { breaks: undefined, continues: undefined };
    const is = (i: number): Value =>
      cases[i]!.values.map((each) => binary("==", by, this.evaluate(each, context.scope))).reduce(
        (a, b) => binary("|", a, b),
        { kind: "bool", v: 0 },
      );
    const listed = cases.map((_, i) => is(i));
    const any = listed.reduce((a, b) => binary("|", a, b));
    const branches = cases.map(({ isDefault, body }, i): readonly [Weights, Block] => {
      const own = narrowed(before, listed[i]!, true, this.lanes);
      return [isDefault ? joined(own, narrowed(before, any, false, this.lanes)) : own, body];
    });
    this.#branch(before, by, branches, { ...context, left });
    context.left.continues = left.continues ?? context.left.continues;
    if (left.breaks) this.at = joined(this.at, left.breaks);
  }

  #for(loop: For, context: Context): void {
    const scope = new Scope(context.scope);
    const around = { ...context, scope };
    if (loop.first) this.#statement(loop.first, around);
    const rounds = this.#uneven.has(loop) ? undefined : roundsOf(loop);
    if (!rounds || !this.#asOne(loop, rounds, around)) this.#oneByOne(loop, around);
  }

  /** Counts one round, as often as there are rounds. @returns whether all ask for the same. */
  #asOne(loop: For, { counter, bound, step, count, changed }: Rounds, context: Context): boolean {
    const { scope } = context;
    const start = this.at;
    const known = scope.get(counter);
    if (!known || !("cell" in known)) return false;
    const first = known.cell.value;
    const cells = this.#cellsOf(changed, scope);
    const before = new Map([...cells].map((cell) => [cell, cell.value] as const));
    const asked = new Map([...this.asked].map(([name, own]) => [name, { ...own }] as const));
    const depth = ++this.depth;
    try {
      for (const cell of cells) cell.value = varying(cell.value, depth);
      const times = mapped(
        "u32",
        count as (...n: number[]) => number,
        first,
        this.evaluate(bound, scope),
        this.evaluate(step, scope),
      );
      if (!isKnown(times)) throw new Varies(depth);
      if (times.varies !== undefined) throw new Varies(times.varies);
      this.at = repeated(start, times.v!);
      // The bound was counted once.
      if (this.at.sum > 0) {
        this.evaluate(bound, scope);
        this.#block(loop.body, { ...context, left: { breaks: undefined, continues: undefined } });
      }
    } catch (error) {
      if (!(error instanceof Varies) || error.depth !== depth) throw error;
      for (const [cell, value] of before) cell.value = value;
      for (const [name, own] of asked) Object.assign(this.asked.get(name)!, own);
      this.#uneven.add(loop);
      this.depth = depth - 1;
      this.at = start;
      return false;
    }
    for (const cell of cells) cell.value = { kind: cell.value.kind };
    this.depth = depth - 1;
    this.at = start;
    return true;
  }

  /** The variables of some names, and those that all functions see. */
  #cellsOf(names: ReadonlySet<string>, scope: Scope): Set<Cell> {
    const all = [...names, ...this.syntax.variables.map(({ name }) => name)];
    return new Set(
      all.flatMap((name) => {
        const meaning = scope.get(name);
        if (meaning && "cell" in meaning) return [meaning.cell];
        return meaning && "pointer" in meaning && "cell" in meaning.pointer ? [meaning.pointer.cell] : [];
      }),
    );
  }

  #oneByOne({ condition, next, body, continuing }: For, context: Context): void {
    const { scope } = context;
    const start = this.at;
    let exits = nobody(start);
    const left: Left = { breaks: undefined, continues: undefined };
    const inner = { ...context, left };
    while (this.at.sum > 0) {
      if (++this.#rounds > mostRounds)
        throw new LimitError(`countTraffic: the kernel's loops have more than ${mostRounds} rounds that differ`);
      const test: Value = condition ? this.evaluate(condition, scope) : { kind: "bool", v: 1 };
      const isSure = isKnown(test);
      exits = joined(exits, isSure ? narrowed(this.at, test, false, this.lanes) : this.at);
      this.at = narrowed(this.at, test, true, this.lanes);
      const own = { ...inner, scope: new Scope(scope) };
      left.continues = undefined;
      this.#statements(body, own);
      if (left.continues) this.at = joined(this.at, left.continues);
      if (this.at.sum > 0 && next) this.#statement(next, own);
      if (this.at.sum > 0 && continuing) this.#block(continuing, own);
      // How many rounds follow, memory decides: one is counted.
      if (!isSure) {
        exits = { ...exits, isSure: false };
        break;
      }
    }
    if (left.breaks) exits = joined(exits, left.breaks);
    this.at = exits.sum === start.sum && start.isSure === exits.isSure ? start : { ...exits, maybe: start.maybe };
  }
}

/** A value that other rounds of a loop change. */
function varying(value: Value, depth: number): Value {
  const parts = value.parts?.map((part) => varying(part, depth));
  return { ...value, ...(parts && { parts }), varies: Math.min(depth, value.varies ?? depth) };
}

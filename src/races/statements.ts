import { FormatError } from "../errors.ts";
import type { Block, Declaration, Expression, FunctionSyntax, Statement } from "../wgsl/syntax.ts";
import { type Type, widthOf } from "../wgsl/types.ts";
import type { Val } from "./arithmetic.ts";
import { Expressions } from "./expressions.ts";
import { flows, type Instruction, type Register } from "./machine.ts";
import { load, type Place, store } from "./places.ts";
import { Scope } from "./scope.ts";

/** Where statements are. */
interface Context {
  readonly scope: Scope;
  /** Where the result of the function goes. */
  readonly result?: Place;
}

/** The ways in which statements may leave those around them. */
type Ways = ReadonlySet<"break" | "continue" | "return">;

const none: Ways = new Set();

function waysOf(block: Block): Ways {
  const found = new Set<"break" | "continue" | "return">();
  for (const statement of block) for (const way of waysOut(statement)) found.add(way);
  return found;
}

function waysOut(statement: Statement): Ways {
  switch (statement.kind) {
    case "break":
    case "continue":
    case "return":
      return new Set([statement.kind]);
    case "if":
      return new Set([...waysOf(statement.then), ...waysOf(statement.otherwise ?? [])]);
    case "block":
      return waysOf(statement.body);
    case "for":
      return new Set([...waysOf(statement.body)].filter((way) => way === "return"));
    case "switch":
      return new Set([...waysOf(statement.cases.flatMap(({ body }) => body))].filter((way) => way !== "break"));
    default:
      return none;
  }
}

/** Writes instructions for statements. */
export abstract class Statements extends Expressions {
  readonly #calls: string[] = [];

  /** Writes a function where it is called, as WGSL has no recursion. */
  protected inline({ name, params, result, body }: FunctionSyntax, args: readonly (Val | Place)[]): Val | undefined {
    if (this.#calls.includes(name)) throw new FormatError(`${name} calls itself, which WGSL does not allow`);
    if (args.length !== params.length)
      throw new FormatError(`${name} takes ${params.length} arguments, not ${args.length}`);
    const scope = new Scope(this.globals);
    params.forEach(({ name, type }, i) => {
      const arg = args[i]!;
      if ("at" in arg) scope.set(name, { kind: "pointer", place: arg });
      else scope.set(name, { kind: "value", value: this.settled(this.fitted(arg, this.types.type(type))) });
    });
    const type = result && this.types.type(result);
    const place = type && this.variable(name, type);
    this.#calls.push(name);
    const code = this.captured(() => this.block(body, { scope, ...(place && { result: place }) }));
    this.#calls.pop();
    const last = body.at(-1);
    const before = last?.kind === "return" ? body.slice(0, -1) : body;
    this.#enter(code, waysOf(before).has("return"));
    return place && { type: type!, parts: place.at as readonly Register[], isFresh: true };
  }

  /** Instructions of a function. @param isLeft whether invocations may return before its end. */
  #enter(code: readonly Instruction[], isLeft: boolean): void {
    const m = this.machine;
    const list = new Int32Array(isLeft ? m.lanes : 0);
    this.emit(() => {
      const { active, n } = m;
      if (isLeft) {
        list.set(active.subarray(0, n));
        m.active = list;
      }
      m.run(code);
      for (let i = 0; i < n; i++) m.flow[active[i]!] = flows.on;
      m.active = active;
      m.n = n;
    });
  }

  /** A variable in registers of its own. */
  protected variable(name: string, type: Type): Place {
    return { name, type, offset: 0, at: this.machine.take(widthOf(type)) };
  }

  protected block(body: Block, { scope, ...context }: Context): void {
    const mark = this.machine.mark();
    const inner = { ...context, scope: new Scope(scope) };
    for (const statement of body) this.#statement(statement, inner);
    this.machine.release(mark);
  }

  #statement(statement: Statement, context: Context): void {
    const m = this.machine;
    if (statement.kind === "declare") {
      this.declare(statement, context.scope);
      return;
    }
    const mark = m.mark();
    switch (statement.kind) {
      case "assign":
        this.#assign(statement, context.scope);
        break;
      case "call":
        this.evaluate(statement.call, context.scope);
        break;
      case "if":
        this.#if(statement, context);
        break;
      case "for":
        this.#for(statement, context);
        break;
      case "switch":
        this.#switch(statement, context);
        break;
      case "block":
        this.block(statement.body, context);
        break;
      case "return": {
        const { result, scope } = context;
        if (statement.value && result)
          store(this, result, this.fitted(this.value(statement.value, scope), result.type), 0);
        this.#leave(flows.return);
        break;
      }
      case "break":
      case "continue":
        this.#leave(flows[statement.kind]);
        break;
    }
    m.release(mark);
    if (waysOut(statement).size > 0) this.emit(() => m.narrow());
  }

  #leave(flow: number): void {
    const m = this.machine;
    this.emit(() => {
      for (let i = 0; i < m.n; i++) m.flow[m.active[i]!] = flow;
    });
  }

  /** Makes a name for a value. Its registers stay taken until the block ends. */
  protected declare({ how, name, type, value }: Declaration, scope: Scope): void {
    const pointer = value && this.pointerTo(value, scope);
    if (pointer) {
      scope.set(name, { kind: "pointer", place: pointer });
      return;
    }
    const own = type && this.types.type(type);
    if (!own && !value) throw new FormatError(`${name} has neither a type nor a value`);
    const given = value ? this.value(value, scope) : this.zero(own!);
    const fitted = own ? this.fitted(given, own) : how === "const" ? given : this.concrete(given);
    if (how !== "var") {
      scope.set(name, { kind: "value", value: this.settled(fitted) });
      return;
    }
    const isOwn = fitted.isFresh && !fitted.constants;
    const place = isOwn ? { name, type: fitted.type, offset: 0, at: fitted.parts } : this.variable(name, fitted.type);
    if (!isOwn) this.move(place.at as readonly Register[], fitted.parts);
    scope.set(name, { kind: "variable", place });
  }

  #assign({ to, sign, value }: Extract<Statement, { kind: "assign" }>, scope: Scope): void {
    const line = "line" in to ? to.line : to.kind === "member" && "line" in to.x ? to.x.line : 0;
    const place = this.place(to, scope);
    if (place.isSteady) throw new FormatError(`${place.name} cannot be assigned to`);
    const isCompound = sign !== "";
    const before = isCompound ? load(this, place, line) : undefined;
    const given = this.value(value, scope);
    store(this, place, this.fitted(before ? this.combined(sign, before, given) : given, place.type), line);
  }

  #if({ condition, then, otherwise }: Extract<Statement, { kind: "if" }>, context: Context): void {
    const test = this.value(condition, context.scope);
    if (test.constants) {
      const taken = test.constants[0] ? then : otherwise;
      if (taken) this.block(taken, context);
      return;
    }
    const m = this.machine;
    const branches = [then, otherwise ?? []].map((body) => ({
      code: this.captured(() => this.block(body, context)),
      list: new Int32Array(m.lanes),
      isTaken: body === then,
    }));
    const [by] = test.parts as [Register];
    this.emit(() => {
      const { active, n } = m;
      // Both are chosen first: a branch may change what its condition was made of.
      const counts = branches.map(({ list, isTaken }) => m.select(by, isTaken, list));
      branches.forEach(({ code, list }, i) => {
        if (counts[i] === 0 || code.length === 0) return;
        m.active = list;
        m.n = counts[i]!;
        m.run(code);
      });
      m.active = active;
      m.n = n;
    });
  }

  #for({ first, condition, next, body, continuing }: Extract<Statement, { kind: "for" }>, context: Context): void {
    const m = this.machine;
    const scope = new Scope(context.scope);
    const around = { ...context, scope };
    if (first) this.#statement(first, around);
    let test: Register | undefined;
    const testCode = this.captured(() => {
      if (condition) [test] = this.value(condition, scope).parts;
    });
    const inner = { ...around, scope: new Scope(scope) };
    const bodyCode = this.captured(() => {
      for (const statement of body) this.#statement(statement, inner);
    });
    const nextCode = this.captured(() => {
      if (next) this.#statement(next, around);
      if (continuing) this.block(continuing, inner);
    });
    const [list, own] = [new Int32Array(m.lanes), new Int32Array(m.lanes)];
    /** Runs part of a round for the first `n` in the list. @returns how many go on. */
    const round = (code: readonly Instruction[], n: number): number => {
      own.set(list.subarray(0, n));
      m.active = own;
      m.n = n;
      m.run(code);
      let kept = 0;
      for (let i = 0; i < n; i++) {
        const lane = list[i]!;
        const flow = m.flow[lane]!;
        if (flow === flows.on || flow === flows.continue) list[kept++] = lane;
        if (flow !== flows.return) m.flow[lane] = flows.on;
      }
      return kept;
    };
    this.emit(() => {
      const { active, n } = m;
      list.set(active.subarray(0, n));
      for (let count = n; count > 0; ) {
        m.step(count);
        if (test) {
          m.active = list;
          m.n = count;
          m.run(testCode);
          count = m.select(test, true, list);
          if (count === 0) break;
        }
        count = round(bodyCode, count);
        if (count > 0) count = round(nextCode, count);
      }
      m.active = active;
      m.n = n;
    });
  }

  #switch({ value, cases }: Extract<Statement, { kind: "switch" }>, context: Context): void {
    const m = this.machine;
    const given = this.concrete(this.value(value, context.scope));
    const [by] = given.parts as [Register];
    const known = (expression: Expression) => this.number(expression, context.scope);
    const branches = cases.map(({ values, isDefault, body }) => ({
      values: new Set(values.map(known)),
      isDefault,
      code: this.captured(() => this.block(body, context)),
      list: new Int32Array(m.lanes),
    }));
    this.emit(() => {
      const { active, n } = m;
      const counts = new Array<number>(branches.length).fill(0);
      for (let i = 0; i < n; i++) {
        const lane = active[i]!;
        const exact = branches.findIndex(({ values }) => values.has(by[lane]!));
        const taken = exact >= 0 ? exact : branches.findIndex(({ isDefault }) => isDefault);
        if (taken >= 0) branches[taken]!.list[counts[taken]!++] = lane;
      }
      branches.forEach(({ code, list }, b) => {
        const count = counts[b]!;
        if (count === 0) return;
        m.active = list;
        m.n = count;
        m.run(code);
      });
      for (let i = 0; i < n; i++) if (m.flow[active[i]!] === flows.break) m.flow[active[i]!] = flows.on;
      m.active = active;
      m.n = n;
    });
  }
}

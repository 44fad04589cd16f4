import type { Block, Expression, Statement } from "../wgsl/syntax.ts";

/** A loop whose number of rounds is known when it begins: `for (var i = a; i < bound; i += step)`. */
export interface Rounds {
  /** The variable that counts. */
  readonly counter: string;
  readonly bound: Expression;
  readonly step: Expression;
  /** Names of variables that a round changes. */
  readonly changed: ReadonlySet<string>;
  /** How many rounds there are. */
  readonly count: (first: number, bound: number, step: number) => number;
}

type Count = Rounds["count"];

const below: Count = (from, bound, step) => Math.max(0, Math.ceil((bound - from) / step));
const within: Count = (from, bound, step) => Math.max(0, Math.floor((bound - from) / step) + 1);

/** By the sign of a step and that of the comparison. */
const counts: Readonly<Record<string, Readonly<Record<string, Count>>>> = {
  "+": { "<": below, "<=": within },
  "-": { ">": (from, bound, step) => below(bound, from, step), ">=": (from, bound, step) => within(bound, from, step) },
};

/** @returns undefined for other loops, and for those that `break` or `return` may leave. */
export function roundsOf(loop: Extract<Statement, { kind: "for" }>): Rounds | undefined {
  const { first, condition, next, body, continuing } = loop;
  if (first?.kind !== "declare" || condition?.kind !== "binary" || next?.kind !== "assign" || continuing)
    return undefined;
  const counter = first.name;
  const count = counts[next.sign]?.[condition.sign];
  const isCounted = [condition.a, next.to].every((x) => x.kind === "name" && x.name === counter);
  const changed = changedBy(body);
  if (!count || !isCounted || isLeft(body) || changed.has(counter)) return undefined;
  return { counter, bound: condition.b, step: next.value, changed: changed.add(counter), count };
}

/** Whether `break` or `return` may leave a loop. */
function isLeft(body: Block, isBreak = true): boolean {
  return body.some((statement) => {
    switch (statement.kind) {
      case "return":
        return true;
      case "break":
        return isBreak;
      case "if":
        return isLeft(statement.then, isBreak) || isLeft(statement.otherwise ?? [], isBreak);
      case "block":
        return isLeft(statement.body, isBreak);
      case "for":
        return isLeft(statement.body, false);
      case "switch":
        return statement.cases.some((each) => isLeft(each.body, false));
      default:
        return false;
    }
  });
}

/** Names of the variables that statements assign to, or give pointers to. */
function changedBy(body: Block): Set<string> {
  const found = new Set<string>();
  const root = (x: Expression): void => {
    if (x.kind === "name") found.add(x.name);
    else if (x.kind === "index" || x.kind === "member" || x.kind === "unary") root(x.x);
  };
  const inside = (x: Expression): void => {
    switch (x.kind) {
      case "unary":
        if (x.sign === "&") root(x.x);
        inside(x.x);
        break;
      case "member":
        inside(x.x);
        break;
      case "binary":
        inside(x.a);
        inside(x.b);
        break;
      case "index":
        inside(x.x);
        inside(x.at);
        break;
      case "call":
        x.args.forEach(inside);
        break;
    }
  };
  const visit = (statement: Statement | undefined): void => {
    switch (statement?.kind) {
      case "declare":
        if (statement.value) inside(statement.value);
        break;
      case "assign":
        root(statement.to);
        inside(statement.value);
        break;
      case "call":
        inside(statement.call);
        break;
      case "if":
        inside(statement.condition);
        for (const each of [...statement.then, ...(statement.otherwise ?? [])]) visit(each);
        break;
      case "for":
        if (statement.condition) inside(statement.condition);
        for (const each of [statement.first, statement.next, ...statement.body, ...(statement.continuing ?? [])])
          visit(each);
        break;
      case "switch":
        for (const each of statement.cases.flatMap((one) => one.body)) visit(each);
        break;
      case "block":
        for (const each of statement.body) visit(each);
        break;
    }
  };
  for (const statement of body) visit(statement);
  return found;
}

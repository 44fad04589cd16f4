import { FormatError } from "../../errors.ts";
import type { Expression, FunctionSyntax, ModuleSyntax, Statement } from "../../wgsl/syntax.ts";

/** The name of what is assigned to. */
export function nameOf(to: Expression): string | undefined {
  if (to.kind === "name") return to.name;
  return to.kind === "member" || to.kind === "index" ? nameOf(to.x) : undefined;
}

/** The line where a statement or expression begins, if it says so. */
export function lineOf(node: Statement | Expression): number | undefined {
  let found: number | undefined;
  any(node, (each) => {
    if ("line" in each && typeof each.line === "number") found = each.line;
    return found !== undefined;
  });
  return found;
}

/** An error of a kernel's text, with its line before it. */
export function atLine(error: unknown, line: number | undefined): unknown {
  if (!(error instanceof FormatError) || line === undefined || /^line \d+: /.test(error.message)) return error;
  return new FormatError(`line ${line}: ${error.message}`, { cause: error });
}

export const needsWebGPU = (what: string): string =>
  `${what} needs WebGPU: kernels in WebAssembly have no workgroup memory, barriers, subgroups or textures`;

/** Whether a part of a kernel has a node for which a test holds. */
function any(node: object, test: (node: object) => boolean): boolean {
  return (
    test(node) || Object.values(node).some((child) => typeof child === "object" && child !== null && any(child, test))
  );
}

/** Which functions of a kernel change what is outside of them. */
export class Changes {
  readonly #functions: ModuleSyntax["functions"];
  readonly #known = new Map<string, boolean>();

  constructor({ functions }: ModuleSyntax) {
    this.#functions = functions;
  }

  /** Whether an expression calls such a function. */
  has(expression: Expression): boolean {
    return any(expression, (node) => this.#calls(node as Expression | Statement));
  }

  #calls(node: Expression | Statement): boolean {
    if (node.kind !== "call" || !("callee" in node)) return false;
    const { name } = node.callee;
    const called = this.#functions.get(name);
    return name.startsWith("atomic") || (called !== undefined && this.#of(called));
  }

  #of({ name, body }: FunctionSyntax): boolean {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    this.#known.set(name, false);
    const own = new Set<string>();
    any(body, (node) => {
      const { kind, name } = node as Statement & { name: string };
      if (kind === "declare") own.add(name);
      return false;
    });
    const changes = any(body, (node) => {
      const each = node as Expression | Statement;
      return (each.kind === "assign" && !own.has(nameOf(each.to) ?? "")) || this.#calls(each);
    });
    this.#known.set(name, changes);
    return changes;
  }
}

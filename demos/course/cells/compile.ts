import { parse } from "acorn";
import type * as estree from "estree";
import { walk } from "estree-walker";
import isReference from "is-reference";
import { analyze, extract_names, type Scope } from "periscopic";
import { type Compiled, editOf, type Reference } from "./compiled.ts";
import type { Edit } from "./edits.ts";
import { CellError } from "./error.ts";
import { parsed, parseOptions, withoutTypes } from "./types.ts";

/*
 * A cell as the body of an async function of two arguments: `$`, which holds what cells have defined, and `$import`.
 */

type At<T extends estree.Node> = T & { readonly start: number; readonly end: number };
const at = <T extends estree.Node>(node: T): At<T> => node as At<T>;

/** @throws CellError for a mistake in the text. */
export function compile(source: string): Compiled {
  const code = withoutTypes(source);
  const program = parsed(() => parse(code, parseOptions)) as unknown as estree.Program;
  const edits: Edit[] = [];
  const replace = (start: number, end: number, text: string): void => void edits.push({ start, end, text });
  const defines = new Set<string>();
  const imports: string[] = [];
  let hoisted = "";

  for (const statement of program.body.map(at)) {
    const { start, end } = statement;
    switch (statement.type) {
      case "ImportDeclaration": {
        const from = statement.source.value as string;
        imports.push(from);
        for (const { local } of statement.specifiers) defines.add(local.name);
        replace(start, end, importText(statement, from));
        break;
      }
      case "VariableDeclaration":
        for (const { id } of statement.declarations) for (const name of extract_names(id)) defines.add(name);
        shareVariables(statement, inList, replace);
        break;
      case "FunctionDeclaration":
        defines.add(statement.id.name);
        hoisted += `$.${statement.id.name} = ${statement.id.name}; `;
        break;
      case "ClassDeclaration":
        defines.add(statement.id.name);
        replace(start, start, `;$.${statement.id.name} = `);
        replace(end, end, ";");
        break;
      case "ExportAllDeclaration":
      case "ExportDefaultDeclaration":
      case "ExportNamedDeclaration":
        throw new CellError("a cell exports nothing: later cells see what it defines", start);
    }
  }
  if (hoisted) replace(0, 0, hoisted);
  for (const { declaration, brackets } of innerVars(program)) {
    for (const { id } of declaration.declarations) for (const name of extract_names(id)) defines.add(name);
    shareVariables(declaration, brackets, replace);
  }
  const last = program.body.at(-1);
  // As in other notebooks, a last line without a semicolon is shown.
  if (last?.type === "ExpressionStatement" && code[at(last).end - 1] !== ";") {
    const { start, end } = at(last);
    replace(start, start, "return (");
    replace(end, end, ")");
  }

  const { own, free } = referencesOf(program, defines, replace);
  edits.push(...own.map(editOf));
  return { code, edits, defines: [...defines], free, imports };
}

function importText({ specifiers }: estree.ImportDeclaration, from: string): string {
  const names: string[] = [];
  const parts = specifiers.map((specifier) => {
    if (specifier.type === "ImportNamespaceSpecifier") return `$.${specifier.local.name} = $loaded`;
    const { imported } = specifier.type === "ImportSpecifier" ? specifier : { imported: { name: "default" } };
    const name = "name" in imported ? imported.name : String(imported.value);
    names.push(name);
    return `$.${specifier.local.name} = $loaded[${JSON.stringify(name)}]`;
  });
  const load = `await $import(${JSON.stringify(from)}, ${JSON.stringify(names)})`;
  return parts.length === 0 ? `${load};` : `{ const $loaded = ${load}; ${parts.join("; ")}; }`;
}

interface InnerVar {
  readonly declaration: At<estree.VariableDeclaration>;
  /** What stands around it once it is an assignment. */
  readonly brackets: Brackets;
}

/**
 * Declarations with `var` that are in no function, but inside of a block or in the head of a loop. They are the cell's own, as
 * those outside of blocks are.
 */
function innerVars(program: estree.Program): InnerVar[] {
  const found: InnerVar[] = [];
  walk(program as never, {
    enter(given, parent) {
      const node = at(given as unknown as estree.Node);
      if (/Function|Class/.test(node.type)) this.skip();
      if (node.type === "VariableDeclaration" && node.kind === "var" && (parent as unknown) !== program)
        found.push({ declaration: node, brackets: bracketsIn(parent as unknown as estree.Node, node) });
    },
  });
  return found;
}

/** Text around an assignment: round brackets, because an assignment to `{ b }` would be a block. */
type Brackets = readonly [string, string];
/** In a list of statements, where the one before may lack its semicolon. */
const inList: Brackets = [";(", ");"];

function bracketsIn(parent: estree.Node, node: estree.Node): Brackets {
  if (/^For(In|Of)Statement$/.test(parent.type) && (parent as estree.ForOfStatement).left === node) return ["", ""];
  if (parent.type === "ForStatement" && parent.init === node) return ["(", ")"];
  return /^(BlockStatement|SwitchCase)$/.test(parent.type) ? inList : ["(", ");"];
}

/** `const a = 1, { b } = c;` as assignments to properties. The names in patterns become so as references. */
function shareVariables(
  { start, end, kind, declarations }: At<estree.VariableDeclaration>,
  [open, close]: Brackets,
  replace: (start: number, end: number, text: string) => void,
): void {
  const [first, last] = [at(declarations[0]!), at(declarations.at(-1)!)];
  replace(start, first.start, open.padEnd(first.start - start));
  for (const { id, init, end } of declarations.map(at)) {
    // A second `var` changes nothing.
    const value = kind === "var" && id.type === "Identifier" ? `$.${id.name}` : "undefined";
    if (!init && open) replace(end, end, ` = ${value}`);
  }
  replace(last.end, end, close);
}

/** All references to names of cells: not to those of some function or block. */
function referencesOf(
  program: estree.Program,
  defines: ReadonlySet<string>,
  replace: (start: number, end: number, text: string) => void,
): { own: Reference[]; free: Reference[] } {
  const { map, scope: root } = analyze(program as never);
  const [own, free]: [Reference[], Reference[]] = [[], []];
  /** Names that stand for a property and its value. */
  const short = new Set<unknown>();
  let scope: Scope = root;
  let ownClass: string | undefined;
  walk(program as never, {
    enter(given, parent) {
      const node = at(given as unknown as estree.Node);
      scope = map.get(node as never) ?? scope;
      if (scope !== root) refuseNames(scope);
      if (node.type === "MetaProperty" && node.meta.name === "import")
        throw new CellError("a cell is no file, so it has no import.meta", node.start);
      if (node.type === "ClassBody" && program.body.includes(parent as never))
        ownClass = (parent as unknown as estree.ClassDeclaration).id.name;
      if (node.type === "ImportDeclaration") this.skip();
      if (node.type === "ImportExpression") replace(node.start, node.start + "import".length, "$import");
      if (node.type === "Property" && node.shorthand)
        short.add(node.value.type === "AssignmentPattern" ? node.value.left : node.value);
      if (node.type !== "Identifier" || !isReference(node as never, parent as never) || isOwnName(node, parent)) return;
      const owner = scope.find_owner(node.name);
      const reference = { name: node.name, start: node.start, isShort: short.has(node) };
      if (!owner) free.push(reference);
      // In a class, its name is the class itself, also while the cell does not have it yet.
      else if (owner === root && defines.has(node.name) && node.name !== ownClass) own.push(reference);
    },
    leave(node) {
      if (node.type === "ClassBody") ownClass = undefined;
      scope = map.get(node as never)?.parent ?? scope;
    },
  });
  return { own, free };
}

/** Refuses names that a function or a block would hide from the text around it. */
function refuseNames({ declarations }: Scope): void {
  for (const name of ["$", "$import"]) {
    const declared = declarations.get(name);
    if (declared) throw new CellError(`${name} is a name of the page: choose another`, at(declared).start);
  }
}

/** Whether it is the name that a function or a class has. */
function isOwnName(node: unknown, parent: unknown): boolean {
  const { type, id } = parent as { type: string; id?: unknown };
  return id === node && /^(Function|Class)/.test(type);
}

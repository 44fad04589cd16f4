import { tsPlugin } from "@sveltejs/acorn-typescript";
import { type Node, Parser } from "acorn";
import { walk } from "estree-walker";
import { CellError } from "./error.ts";

/*
 * TypeScript as JavaScript of the same length: types become spaces, so every place keeps its line and column.
 */

const parser = Parser.extend(tsPlugin() as never);

/** A node, of TypeScript as well. */
export type Any = Node & Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Any => typeof (value as Any | null)?.type === "string";

/** Words that may stand before a member of a class, and are no JavaScript. */
const modifiers = /\b(?:public|private|protected|readonly|declare|override|abstract)\b/g;

/** What makes code of its own: these are no mere types. */
const refused: Readonly<Record<string, string>> = {
  TSEnumDeclaration: "an enum",
  TSModuleDeclaration: "a namespace",
  TSParameterProperty: "a parameter that is a property",
  TSImportEqualsDeclaration: "import =",
  TSExportAssignment: "export =",
  Decorator: "a decorator",
};

export const parseOptions = {
  ecmaVersion: "latest",
  sourceType: "module",
  allowAwaitOutsideFunction: true,
} as const;

/** The statements of a text. @throws CellError for what is no TypeScript. */
export const statementsOf = (code: string): readonly Any[] =>
  (treeOf(code) as Node & { readonly body: readonly Any[] }).body;

const treeOf = (code: string): Node =>
  parsed(() => parser.parse(code, { ...parseOptions, locations: true })) as unknown as Node;

/** @throws CellError for what is no TypeScript, or more than types on JavaScript. */
export function withoutTypes(code: string): string {
  const tree = treeOf(code);
  const spaces = code.split("");
  const blank = (start: number, end: number): void => {
    for (let i = start; i < end; i++) if (spaces[i] !== "\n") spaces[i] = " ";
  };
  walk(tree as never, {
    enter(given) {
      const node = given as unknown as Any;
      const what = refused[node.type];
      if (what) throw new CellError(`${what} is no type: write it in JavaScript`, node.start);
      if (/^TS(As|Satisfies|NonNull|Instantiation)Expression$/.test(node.type)) {
        blank((node["expression"] as Any).end, node.end);
      } else if (node.type === "TSTypeAssertion") {
        blank(node.start, (node["expression"] as Any).start);
      } else if (node.type.startsWith("TS") || node["declare"] === true || isTypeOnly(node)) {
        blank(node.start, node.end);
        this.skip();
      } else {
        blankMarks(node, code, blank);
      }
    },
  });
  return spaces.join("");
}

const isClass = (node: Any): boolean => /^Class(Declaration|Expression)$/.test(node.type);

/** An import or export of types, a specifier of one, an abstract member or an overload. */
function isTypeOnly(node: Any): boolean {
  if (node["importKind"] === "type" || node["exportKind"] === "type") return true;
  const isOverload = node.type === "FunctionDeclaration" && !node["body"];
  return isOverload || (node["abstract"] === true && !isClass(node));
}

/**
 * Marks of types on JavaScript: `?` and `!` behind names, modifiers, `abstract`, `implements`, a parameter `this`, commas
 * behind types.
 */
function blankMarks(node: Any, code: string, blank: (start: number, end: number) => void): void {
  const blankWithComma = ({ start, end }: Any): void => {
    const [comma] = /^\s*,/.exec(code.slice(end)) ?? [""];
    blank(start, end + comma.length);
  };
  const type = node["typeAnnotation"];
  if (node.type === "Identifier" && node["optional"] === true) {
    const at = code.indexOf("?", node.start);
    blank(at, at + 1);
  }
  if (/^(PropertyDefinition|MethodDefinition)$/.test(node.type)) {
    const key = node["key"] as Any;
    for (const { index, 0: word } of code.slice(node.start, key.start).matchAll(modifiers))
      blank(node.start + index, node.start + index + word.length);
    const mark = /^\s*\]?\s*([?!])/.exec(code.slice(key.end, isNode(type) ? type.start : node.end));
    if (mark && (node["optional"] === true || node["definite"] === true)) {
      const at = key.end + mark[0].length - 1;
      blank(at, at + 1);
    }
  }
  if (node.type === "VariableDeclarator" && node["definite"] === true) {
    const at = code.indexOf("!", node.start);
    blank(at, at + 1);
  }
  const list = node["implements"];
  if (Array.isArray(list) && list.length > 0) blank(code.lastIndexOf("implements", list[0].start), list.at(-1).end);
  // A type parameter of an arrow function in front of its parentheses is a node of its own, and so are its brackets.
  const specifiers = node["specifiers"];
  if (Array.isArray(specifiers)) for (const each of specifiers as Any[]) if (isTypeOnly(each)) blankWithComma(each);
  if (isClass(node) && node["abstract"] === true) {
    const at = code.indexOf("abstract", node.start);
    blank(at, at + "abstract".length);
  }
  const [first] = (node["params"] as readonly Any[] | undefined) ?? [];
  if (first?.type === "Identifier" && first["name"] === "this") blankWithComma(first);
}

/** What a parser finds. @throws CellError with its place. */
export function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const { pos, message } = error as SyntaxError & { pos?: number };
    if (pos === undefined) throw error;
    throw new CellError(message.replace(/ \(\d+:\d+\)$/, ""), pos);
  }
}

import { FormatError } from "../errors.ts";
import type {
  Block,
  BufferSyntax,
  Case,
  Declaration,
  Expression,
  FunctionSyntax,
  ModuleSyntax,
  Parameter,
  Statement,
  TypeName,
} from "./syntax.ts";

/** Words, numbers and signs; spaces and comments between them are skipped. */
const tokens =
  /\s+|\/\/.*|\/\*[\s\S]*?\*\/|(0[xX][\da-fA-F]+[iu]?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iufh]?|[A-Za-z_]\w*|->|\+\+|--|&&|\|\||[-+*/%&|^=!<>]=|<<=?|>>=?|[^\s])/gy;

/** How tightly operators bind, from the loosest on. */
const levels: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<", ">", "<=", ">="],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];

/** Names that a type in angle brackets may follow. */
const generic = /^(array|vec[234]|bitcast|mat[234]x[234]|ptr|atomic)$/;

/** Reads the text of a kernel. @throws FormatError with the line of what it does not know. */
export function parse(wgsl: string): ModuleSyntax {
  return new Parser(wgsl).module();
}

class Parser {
  readonly #text: string;
  /** Where the next token ends, and its line. */
  #at = 0;
  #line = 1;
  #token = "";

  constructor(text: string) {
    this.#text = text;
    this.#next();
  }

  module(): ModuleSyntax {
    const aliases = new Map<string, TypeName>();
    const constants = new Map<string, Expression>();
    const structs = new Map<string, readonly Parameter[]>();
    const buffers: BufferSyntax[] = [];
    const variables: Declaration[] = [];
    const shared: Parameter[] = [];
    const functions = new Map<string, FunctionSyntax>();
    while (this.#token !== "") {
      const attributes = this.#attributes();
      const word = this.#next();
      if (word === "alias") {
        const name = this.#next();
        this.#expect("=");
        aliases.set(name, this.#type());
        this.#expect(";");
      } else if (word === "const") {
        const name = this.#next();
        const line = this.#line;
        const type = this.#takes(":") ? this.#type() : undefined;
        this.#expect("=");
        const value = this.#expression();
        const isConverted = type !== undefined && type.name !== "array";
        constants.set(name, isConverted ? { kind: "call", callee: type, args: [value], line } : value);
        this.#expect(";");
      } else if (word === "struct") {
        const name = this.#next();
        this.#expect("{");
        structs.set(name, this.#parameters("}"));
        this.#takes(";");
      } else if (word === "var") this.#variable(attributes, { buffers, variables, shared });
      else if (word === "fn") {
        const made = this.#function(attributes);
        functions.set(made.name, made);
      } else if (["enable", "requires", "diagnostic", "const_assert"].includes(word)) {
        this.#skip(";");
      } else if (word !== ";") this.#fail(`"${word}"`);
    }
    return { aliases, constants, structs, buffers, variables, shared, functions };
  }

  /** A variable outside functions, after its first word. */
  #variable(
    attributes: ReadonlyMap<string, readonly Expression[]>,
    to: { buffers: BufferSyntax[]; variables: Declaration[]; shared: Parameter[] },
  ): void {
    if (this.#token !== "<") this.#fail("textures");
    this.#expect("<");
    const space = this.#next();
    const access = this.#takes(",") ? this.#next() : "read";
    this.#expect(">");
    const name = this.#next();
    const numberOf = (attribute: string): number => {
      const value = attributes.get(attribute)?.[0];
      return value?.kind === "number" ? value.value : 0;
    };
    if (space === "private") {
      const type = this.#takes(":") ? this.#type() : undefined;
      const value = this.#takes("=") ? this.#expression() : undefined;
      to.variables.push({ kind: "declare", how: "var", name, ...(type && { type }), ...(value && { value }) });
      this.#expect(";");
      return;
    }
    this.#expect(":");
    const type = this.#type();
    if (space === "storage") {
      if (access !== "read" && access !== "read_write") this.#fail(`var<storage, ${access}>`);
      to.buffers.push({ name, group: numberOf("group"), binding: numberOf("binding"), access, type });
    } else if (space === "workgroup") to.shared.push({ name, type });
    else this.#fail(`var<${space}>`);
    this.#expect(";");
  }

  #function(attributes: ReadonlyMap<string, readonly Expression[]>): FunctionSyntax {
    const name = this.#next();
    this.#expect("(");
    const params = this.#parameters(")");
    const result = this.#takes("->") ? this.#type() : undefined;
    const workgroup = attributes.get("workgroup_size");
    return { name, params, ...(result && { result }), ...(workgroup && { workgroup }), body: this.#block() };
  }

  /** Names with types, up to a closing sign. */
  #parameters(end: string): Parameter[] {
    const found: Parameter[] = [];
    while (!this.#takes(end)) {
      const builtin = this.#attributes().get("builtin")?.[0];
      const name = this.#next();
      this.#expect(":");
      found.push({ name, type: this.#type(), ...(builtin?.kind === "name" && { builtin: builtin.name }) });
      this.#takes(",");
    }
    return found;
  }

  #attributes(): Map<string, readonly Expression[]> {
    const found = new Map<string, readonly Expression[]>();
    while (this.#takes("@")) {
      const name = this.#next();
      found.set(name, this.#takes("(") ? this.#arguments() : []);
    }
    return found;
  }

  /** Expressions up to a closing parenthesis. */
  #arguments(): Expression[] {
    const found: Expression[] = [];
    while (!this.#takes(")")) {
      found.push(this.#expression());
      this.#takes(",");
    }
    return found;
  }

  #type(): TypeName {
    return this.#typeNamed(this.#next());
  }

  #typeNamed(name: string): TypeName {
    if (!generic.test(name) || !this.#takes("<")) return { name };
    if (name === "ptr") {
      this.#next();
      this.#expect(",");
    }
    const of = this.#type();
    // A sum or product at most, so that `>` ends it. Of pointers: how they may be used.
    const count = this.#takes(",") ? this.#binary(8) : undefined;
    this.#close();
    return { name, of, ...(count && { count }) };
  }

  /** The end of what stands in angle brackets, perhaps the first half of `>>`. */
  #close(): void {
    if (this.#token.length > 1 && this.#token.startsWith(">")) this.#token = this.#token.slice(1);
    else this.#expect(">");
  }

  #block(): Block {
    this.#expect("{");
    const body: Statement[] = [];
    while (!this.#takes("}")) {
      if (this.#takes(";")) continue;
      body.push(this.#statement());
    }
    return body;
  }

  #statement(): Statement {
    const word = this.#token;
    if (word === "{") return { kind: "block", body: this.#block() };
    if (word === "if") return this.#if();
    if (word === "for") return this.#for();
    if (this.#takes("while")) return { kind: "for", condition: this.#expression(), body: this.#block() };
    if (this.#takes("loop")) return this.#loop();
    if (this.#takes("switch")) return this.#switch();
    const made = this.#simple();
    this.#expect(";");
    return made;
  }

  #if(): Statement {
    this.#expect("if");
    const condition = this.#expression();
    const then = this.#block();
    if (!this.#takes("else")) return { kind: "if", condition, then };
    const otherwise = this.#token === "if" ? [this.#if()] : this.#block();
    return { kind: "if", condition, then, otherwise };
  }

  #for(): Statement {
    this.#expect("for");
    this.#expect("(");
    const first = this.#token === ";" ? undefined : this.#simple();
    this.#expect(";");
    const condition = this.#token === ";" ? undefined : this.#expression();
    this.#expect(";");
    const next = this.#token === ")" ? undefined : this.#simple();
    this.#expect(")");
    const body = this.#block();
    return { kind: "for", ...(first && { first }), ...(condition && { condition }), ...(next && { next }), body };
  }

  #loop(): Statement {
    const body: Statement[] = [];
    let continuing: Block | undefined;
    this.#expect("{");
    while (!this.#takes("}")) {
      if (this.#takes(";")) continue;
      if (this.#takes("continuing")) continuing = this.#block();
      else body.push(this.#statement());
    }
    return { kind: "for", body, ...(continuing && { continuing }) };
  }

  #switch(): Statement {
    const value = this.#expression();
    const cases: Case[] = [];
    this.#expect("{");
    while (!this.#takes("}")) {
      const values: Expression[] = [];
      let isDefault = this.#takes("default");
      if (!isDefault) {
        this.#expect("case");
        while (this.#token !== ":" && this.#token !== "{") {
          if (this.#takes("default")) isDefault = true;
          else values.push(this.#expression());
          this.#takes(",");
        }
      }
      this.#takes(":");
      cases.push({ values, isDefault, body: this.#block() });
    }
    return { kind: "switch", value, cases };
  }

  /** A statement without its semicolon. */
  #simple(): Statement {
    const word = this.#token;
    if (this.#takes("return"))
      return this.#token === ";" ? { kind: "return" } : { kind: "return", value: this.#expression() };
    if (this.#takes("break")) {
      if (!this.#takes("if")) return { kind: "break" };
      const condition = this.#expression();
      const then: Block = [{ kind: "break" }];
      return { kind: "if", condition, then };
    }
    if (this.#takes("continue")) return { kind: "continue" };
    if (word === "let" || word === "var" || word === "const") {
      this.#next();
      if (this.#takes("<")) this.#skip(">");
      const name = this.#next();
      const type = this.#takes(":") ? this.#type() : undefined;
      const value = this.#takes("=") ? this.#expression() : undefined;
      return { kind: "declare", how: word, name, ...(type && { type }), ...(value && { value }) };
    }
    if (this.#takes("_")) {
      this.#expect("=");
      return { kind: "call", call: this.#expression() };
    }
    const to = this.#unary();
    const sign = this.#token;
    const one: Expression = { kind: "number", value: 1, type: "abstract", suffix: "" };
    if (this.#takes("++")) return { kind: "assign", to, sign: "+", value: one };
    if (this.#takes("--")) return { kind: "assign", to, sign: "-", value: one };
    if (!/^([-+*/%&|^]|<<|>>)?=$/.test(sign)) return { kind: "call", call: to };
    this.#next();
    return { kind: "assign", to, sign: sign.slice(0, -1), value: this.#expression() };
  }

  #expression(): Expression {
    return this.#binary(0);
  }

  #binary(level: number): Expression {
    const signs = levels[level];
    if (!signs) return this.#unary();
    let a = this.#binary(level + 1);
    while (signs.includes(this.#token)) {
      const sign = this.#next();
      a = { kind: "binary", sign, a, b: this.#binary(level + 1) };
    }
    return a;
  }

  #unary(): Expression {
    const sign = this.#token;
    if (!["-", "!", "~", "&", "*"].includes(sign)) return this.#postfix();
    this.#next();
    return { kind: "unary", sign, x: this.#unary() };
  }

  #postfix(): Expression {
    let x = this.#primary();
    while (true) {
      const line = this.#line;
      if (this.#takes("[")) {
        x = { kind: "index", x, at: this.#expression(), line };
        this.#expect("]");
      } else if (this.#takes(".")) x = { kind: "member", x, name: this.#next() };
      else return x;
    }
  }

  #primary(): Expression {
    if (this.#takes("(")) {
      const x = this.#expression();
      this.#expect(")");
      return x;
    }
    const line = this.#line;
    const word = this.#next();
    if (word === "true" || word === "false") return { kind: "bool", value: word === "true" };
    if (/^[.\d]/.test(word)) return numberOf(word);
    if (!/^[A-Za-z_]/.test(word)) this.#fail(`"${word}"`);
    const callee = this.#typeNamed(word);
    return this.#takes("(")
      ? { kind: "call", callee, args: this.#arguments(), line }
      : { kind: "name", name: word, line };
  }

  /** Goes on. @returns the token that was next. */
  #next(): string {
    const token = this.#token;
    do {
      tokens.lastIndex = this.#at;
      const match = tokens.exec(this.#text);
      this.#token = match?.[1] ?? "";
      // Spaces and comments alone have lines in them.
      if (match && this.#token === "") this.#line += match[0].split("\n").length - 1;
      this.#at += match?.[0].length ?? 0;
      if (!match) break;
    } while (this.#token === "");
    return token;
  }

  #takes(token: string): boolean {
    if (this.#token !== token) return false;
    this.#next();
    return true;
  }

  /** Goes behind the next token of a kind. */
  #skip(token: string): void {
    while (this.#token !== token && this.#token !== "") this.#next();
    this.#expect(token);
  }

  #expect(token: string): void {
    if (!this.#takes(token)) this.#fail(`"${this.#token}" in place of "${token}"`);
  }

  #fail(what: string): never {
    const text = this.#text.split("\n")[this.#line - 1] ?? "";
    throw new FormatError(`line ${this.#line}: the reader of WGSL does not know ${what}: ${text.trim()}`);
  }
}

function numberOf(text: string): Expression {
  const isHex = /^0x/i.test(text);
  const suffix = ((isHex ? /[iu]$/ : /[iufh]$/).exec(text)?.[0] ?? "") as "" | "i" | "u" | "f" | "h";
  const value = Number(suffix ? text.slice(0, -1) : text);
  const isFloat = !isHex && (suffix === "f" || suffix === "h" || /[.eE]/.test(text));
  return {
    kind: "number",
    value,
    type: isFloat ? "f32" : suffix === "u" ? "u32" : suffix === "i" ? "i32" : "abstract",
    suffix,
  };
}

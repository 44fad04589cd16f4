import { FormatError } from "../errors.ts";
import type { Expression, ModuleSyntax, TypeName } from "./syntax.ts";
import { kindOf, scalar, type Type, vector } from "./types.ts";

const kinds = { f: "f32", h: "f16", i: "i32", u: "u32" } as const;

/** Finds the types of a kernel by their names. */
export class TypeNames {
  readonly #syntax: ModuleSyntax;
  readonly #numberOf: (expression: Expression) => number;
  /** Aliases and structs that were found. */
  readonly #known = new Map<string, Type>();

  /** @param numberOf the value of a constant expression. */
  constructor(syntax: ModuleSyntax, numberOf: (expression: Expression) => number) {
    this.#syntax = syntax;
    this.#numberOf = numberOf;
  }

  /** @throws FormatError if nothing has this name. */
  type(name: TypeName): Type {
    const type = this.find(name);
    if (!type) throw new FormatError(`there is no type ${name.name}`);
    return type;
  }

  /** @returns undefined for what names no type. */
  find({ name, of, count }: TypeName): Type | undefined {
    if (name === "f32" || name === "f16" || name === "i32" || name === "u32" || name === "bool") return scalar(name);
    const short = /^vec([234])([fhiu])$/.exec(name);
    if (short) return vector(kinds[short[2] as "f"], Number(short[1]));
    if (/^vec[234]$/.test(name) && of) return vector(kindOf(this.type(of)), Number(name[3]));
    const matrix = /^mat([234])x([234])([fh]?)$/.exec(name);
    if (matrix && (matrix[3] || of)) {
      const kind = matrix[3] ? kinds[matrix[3] as "f"] : kindOf(this.type(of!));
      return { kind: "matrix", of: kind, columns: Number(matrix[1]), rows: Number(matrix[2]) };
    }
    if (name === "atomic" && of) return { kind: "atomic", of: kindOf(this.type(of)) };
    if (name === "array" && of)
      return { kind: "array", of: this.type(of), count: count ? this.#numberOf(count) : Number.POSITIVE_INFINITY };
    const known = this.#known.get(name) ?? this.#declared(name);
    if (known) this.#known.set(name, known);
    return known;
  }

  #declared(name: string): Type | undefined {
    const alias = this.#syntax.aliases.get(name);
    if (alias) return this.type(alias);
    const struct = this.#syntax.structs.get(name);
    return (
      struct && { kind: "struct", name, fields: new Map(struct.map((field) => [field.name, this.type(field.type)])) }
    );
  }
}

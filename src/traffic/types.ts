import { FormatError } from "../errors.ts";
import { kindOf, scalar, type Type, vector } from "../races/types.ts";
import type { Expression, ModuleSyntax, TypeName } from "../wgsl/syntax.ts";

const kinds = { f: "f32", h: "f16", i: "i32", u: "u32" } as const;

/** The types of a kernel by their names. @param numberOf the value of a constant expression. */
export function typesOf(syntax: ModuleSyntax, numberOf: (expression: Expression) => number) {
  /** @returns undefined for what names no type. */
  function find({ name, of, count }: TypeName): Type | undefined {
    if (name === "f32" || name === "f16" || name === "i32" || name === "u32" || name === "bool") return scalar(name);
    const short = /^vec([234])([fhiu])$/.exec(name);
    if (short) return vector(kinds[short[2] as "f"], Number(short[1]));
    if (/^vec[234]$/.test(name) && of) return vector(kindOf(type(of)), Number(name[3]));
    const matrix = /^mat([234])x([234])([fh]?)$/.exec(name);
    if (matrix && (matrix[3] || of)) {
      const kind = matrix[3] ? kinds[matrix[3] as "f"] : kindOf(type(of!));
      return { kind: "matrix", of: kind, columns: Number(matrix[1]), rows: Number(matrix[2]) };
    }
    if (name === "atomic" && of) return { kind: "atomic", of: kindOf(type(of)) };
    if (name === "array" && of)
      return { kind: "array", of: type(of), count: count ? numberOf(count) : Number.POSITIVE_INFINITY };
    const alias = syntax.aliases.get(name);
    if (alias) return find(alias);
    const struct = syntax.structs.get(name);
    if (!struct) return undefined;
    return { kind: "struct", name, fields: new Map(struct.map((field) => [field.name, type(field.type)])) };
  }

  /** @throws FormatError for what names no type. */
  function type(name: TypeName): Type {
    const found = find(name);
    if (!found) throw new FormatError(`countTraffic: there is no type ${name.name}`);
    return found;
  }

  return { find, type };
}

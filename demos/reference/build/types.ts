import { escaped } from "../../course/build/highlight.ts";
import type { Reflection, Type } from "./reflection.ts";

/** Types as HTML, with links to what they name. */
export class Types {
  constructor(readonly hrefOf: (id: number) => string | undefined) {}

  html(type: Type | undefined): string {
    if (!type) return "any";
    switch (type.type) {
      case "intrinsic":
      case "unknown":
        return escaped(type.name);
      case "inferred":
        return `infer ${escaped(type.name)}`;
      case "literal":
        return escaped(JSON.stringify(type.value) ?? "null");
      case "reference": {
        const href =
          typeof type.target === "number" && !type.refersToTypeParameter ? this.hrefOf(type.target) : undefined;
        const name = href ? `<a href="${href}">${escaped(type.name)}</a>` : escaped(type.name);
        return type.typeArguments?.length ? `${name}&lt;${this.list(type.typeArguments)}&gt;` : name;
      }
      case "array":
        return `${this.inner(type.elementType)}[]`;
      case "optional":
        return `${this.inner(type.elementType)}?`;
      case "rest":
        return `...${this.inner(type.elementType)}`;
      case "union":
        return type.types.map((each) => this.inner(each)).join(" | ");
      case "intersection":
        return type.types.map((each) => this.inner(each)).join(" &amp; ");
      case "tuple":
        return `[${this.list(type.elements ?? [])}]`;
      case "namedTupleMember":
        return `${escaped(type.name)}${type.isOptional ? "?" : ""}: ${this.html(type.element)}`;
      case "typeOperator":
        return `${type.operator} ${this.inner(type.target)}`;
      case "query":
        return `typeof ${this.html(type.queryType)}`;
      case "indexedAccess":
        return `${this.inner(type.objectType)}[${this.html(type.indexType)}]`;
      case "predicate":
        return `${type.asserts ? "asserts " : ""}${escaped(type.name)}${type.targetType ? ` is ${this.html(type.targetType)}` : ""}`;
      case "templateLiteral":
        return `\`${escaped(type.head)}${type.tail.map(([of, text]) => `\${${this.html(of)}}${escaped(text)}`).join("")}\``;
      case "conditional":
        return `${this.inner(type.checkType)} extends ${this.inner(type.extendsType)} ? ${this.html(type.trueType)} : ${this.html(type.falseType)}`;
      case "mapped": {
        const as = type.nameType ? ` as ${this.html(type.nameType)}` : "";
        const before = type.readonlyModifier === "+" ? "readonly " : type.readonlyModifier === "-" ? "-readonly " : "";
        const after = type.optionalModifier === "+" ? "?" : type.optionalModifier === "-" ? "-?" : "";
        return `{ ${before}[${type.parameter} in ${this.html(type.parameterType)}${as}]${after}: ${this.html(type.templateType)} }`;
      }
      case "reflection":
        return this.literal(type.declaration);
    }
  }

  /** A type inside of another, in parentheses where it needs them. */
  inner(type: Type): string {
    const isFunction = type.type === "reflection" && type.declaration.signatures !== undefined;
    const isOpen = isFunction || ["union", "intersection", "conditional", "typeOperator"].includes(type.type);
    return isOpen ? `(${this.html(type)})` : this.html(type);
  }

  list(types: readonly Type[]): string {
    return types.map((type) => this.html(type)).join(", ");
  }

  /** A type without a name: of a function, or of an object. */
  literal({ signatures, children = [], indexSignatures = [] }: Reflection): string {
    if (signatures && children.length === 0)
      return signatures.map((signature) => this.signature("", signature, " =&gt; ")).join(" &amp; ");
    const fields = [
      ...(signatures ?? []).map((signature) => this.signature("", signature)),
      ...indexSignatures.map(({ parameters = [], type }) => `[${this.parameters(parameters)}]: ${this.html(type)}`),
      ...children.map((child) => this.field(child)),
    ];
    return fields.length === 0 ? "{}" : `{ ${fields.join("; ")} }`;
  }

  /** A property or a method, with its type. */
  field({ name, flags, type, signatures, getSignature }: Reflection): string {
    if (signatures) return signatures.map((signature) => this.signature(escaped(name), signature)).join("; ");
    return `${escaped(name)}${flags.isOptional ? "?" : ""}: ${this.html(type ?? getSignature?.type)}`;
  }

  parameters(parameters: readonly Reflection[], between = ", "): string {
    return parameters
      .map(({ name, flags, type, defaultValue }) => {
        const written = name === "__namedParameters" ? "options" : escaped(name);
        const value = defaultValue === undefined ? "" : ` = ${escaped(defaultValue)}`;
        return `${flags.isRest ? "..." : ""}${written}${flags.isOptional ? "?" : ""}: ${this.html(type)}${value}`;
      })
      .join(between);
  }

  typeParameters(parameters: readonly Reflection[] | undefined): string {
    if (!parameters?.length) return "";
    const each = parameters.map(({ name, type, default: fallback }) => {
      const bound = type ? ` extends ${this.html(type)}` : "";
      return `${name}${bound}${fallback ? ` = ${this.html(fallback)}` : ""}`;
    });
    return `&lt;${each.join(", ")}&gt;`;
  }

  /** How a function is called; on several lines where one is too short. */
  signature(name: string, { typeParameters, parameters = [], type }: Reflection, arrow = ": "): string {
    const head = name + this.typeParameters(typeParameters);
    const line = `${head}(${this.parameters(parameters)})${arrow}${this.html(type)}`;
    if (name === "" || lengthOf(line) <= 92 || parameters.length === 0) return line;
    return `${head}(\n  ${this.parameters(parameters, ",\n  ")},\n)${arrow}${this.html(type)}`;
  }
}

/** Letters that a reader sees. */
const lengthOf = (html: string): number => html.replace(/<[^>]*>/g, "").replace(/&\w+;/g, "x").length;

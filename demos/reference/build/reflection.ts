/* The part of typedoc's JSON that pages are made of. */

/** Typedoc's number for each kind of declaration. */
export const Kind = {
  module: 2,
  namespace: 4,
  variable: 32,
  function: 64,
  class: 128,
  interface: 256,
  constructor: 512,
  property: 1024,
  method: 2048,
  accessor: 262144,
  alias: 2097152,
  reference: 4194304,
} as const;

/** A piece of a docstring. */
export interface Piece {
  readonly kind: "text" | "code" | "inline-tag" | "relative-link";
  readonly text: string;
  /** What a link names: the number of a declaration here, or an address. */
  readonly target?: number | string | object;
}

export interface Comment {
  readonly summary: readonly Piece[];
  readonly blockTags?: readonly { readonly tag: string; readonly content: readonly Piece[] }[];
}

export interface Reflection {
  readonly id: number;
  readonly name: string;
  readonly kind: number;
  readonly flags: {
    readonly isOptional?: true;
    readonly isRest?: true;
    readonly isStatic?: true;
    readonly isReadonly?: true;
    readonly isProtected?: true;
  };
  readonly comment?: Comment;
  readonly sources?: readonly { readonly fileName: string; readonly line: number }[];
  readonly children?: readonly Reflection[];
  readonly signatures?: readonly Reflection[];
  readonly getSignature?: Reflection;
  readonly indexSignatures?: readonly Reflection[];
  readonly typeParameters?: readonly Reflection[];
  readonly parameters?: readonly Reflection[];
  readonly type?: Type;
  /** Of a type parameter. */
  readonly default?: Type;
  /** Of a parameter, as text. */
  readonly defaultValue?: string;
  /** What a reference stands for. */
  readonly target?: number;
  readonly extendedTypes?: readonly Type[];
  readonly inheritedFrom?: { readonly name: string };
}

export type Type =
  | { readonly type: "intrinsic" | "unknown" | "inferred"; readonly name: string }
  | { readonly type: "literal"; readonly value: unknown }
  | {
      readonly type: "reference";
      readonly name: string;
      readonly target?: number | object;
      readonly refersToTypeParameter?: boolean;
      readonly typeArguments?: readonly Type[];
    }
  | { readonly type: "array" | "optional" | "rest"; readonly elementType: Type }
  | { readonly type: "union" | "intersection"; readonly types: readonly Type[] }
  | { readonly type: "tuple"; readonly elements?: readonly Type[] }
  | { readonly type: "namedTupleMember"; readonly name: string; readonly isOptional: boolean; readonly element: Type }
  | { readonly type: "reflection"; readonly declaration: Reflection }
  | { readonly type: "typeOperator"; readonly operator: string; readonly target: Type }
  | { readonly type: "query"; readonly queryType: Type }
  | { readonly type: "indexedAccess"; readonly objectType: Type; readonly indexType: Type }
  | { readonly type: "predicate"; readonly name: string; readonly asserts: boolean; readonly targetType?: Type }
  | { readonly type: "templateLiteral"; readonly head: string; readonly tail: readonly (readonly [Type, string])[] }
  | {
      readonly type: "conditional";
      readonly checkType: Type;
      readonly extendsType: Type;
      readonly trueType: Type;
      readonly falseType: Type;
    }
  | {
      readonly type: "mapped";
      readonly parameter: string;
      readonly parameterType: Type;
      readonly templateType: Type;
      readonly nameType?: Type;
      readonly readonlyModifier?: string;
      readonly optionalModifier?: string;
    };

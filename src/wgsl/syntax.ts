/*
 * The part of WGSL (www.w3.org/TR/WGSL) that kernels use, as a tree. Lines count from 1.
 */

/** A type as written: `f32`, `vec4f`, `array<F, 4>`. */
export interface TypeName {
  readonly name: string;
  /** Of arrays, vectors and atomics: the type of their elements. Of pointers: that of what they point to. */
  readonly of?: TypeName;
  /** Of arrays: how many. */
  readonly count?: Expression;
}

export type Expression =
  /** Its suffix is "" where it takes the type of what it meets; `abstract` are whole numbers of this kind. */
  | {
      readonly kind: "number";
      readonly value: number;
      readonly type: "f32" | "i32" | "u32" | "abstract";
      readonly suffix: "" | "i" | "u" | "f" | "h";
    }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "name"; readonly name: string; readonly line: number }
  | { readonly kind: "unary"; readonly sign: string; readonly x: Expression }
  | { readonly kind: "binary"; readonly sign: string; readonly a: Expression; readonly b: Expression }
  /** A call of a function, or of a type: `max(a, b)`, `vec4f(1.0)`, `bitcast<u32>(x)`. */
  | {
      readonly kind: "call";
      readonly callee: TypeName;
      readonly args: readonly Expression[];
      readonly line: number;
    }
  | { readonly kind: "index"; readonly x: Expression; readonly at: Expression; readonly line: number }
  | { readonly kind: "member"; readonly x: Expression; readonly name: string };

/** What declares a `let`, `var` or `const`. */
export type Declaration = Extract<Statement, { kind: "declare" }>;

export type Statement =
  /** `let`, `var` or `const`. */
  | {
      readonly kind: "declare";
      readonly how: string;
      readonly name: string;
      readonly type?: TypeName;
      readonly value?: Expression;
    }
  /** `=`, or an operator before it. */
  | { readonly kind: "assign"; readonly to: Expression; readonly sign: string; readonly value: Expression }
  | { readonly kind: "call"; readonly call: Expression }
  | { readonly kind: "if"; readonly condition: Expression; readonly then: Block; readonly otherwise?: Block }
  | {
      readonly kind: "for";
      readonly first?: Statement;
      readonly condition?: Expression;
      readonly next?: Statement;
      readonly body: Block;
      /** Of a `loop`: what follows each round, in the scope of the body. It may end with `break if`. */
      readonly continuing?: Block;
    }
  | { readonly kind: "switch"; readonly value: Expression; readonly cases: readonly Case[] }
  | { readonly kind: "return"; readonly value?: Expression }
  | { readonly kind: "break" }
  | { readonly kind: "continue" }
  | { readonly kind: "block"; readonly body: Block };

export type Block = readonly Statement[];

/** A case of a `switch`: its values, and whether it is taken where no other is. */
export interface Case {
  readonly values: readonly Expression[];
  readonly isDefault: boolean;
  readonly body: Block;
}

export interface Parameter {
  readonly name: string;
  readonly type: TypeName;
  /** What the entry point is given: `global_invocation_id`. */
  readonly builtin?: string;
}

export interface FunctionSyntax {
  readonly name: string;
  readonly params: readonly Parameter[];
  readonly result?: TypeName;
  readonly body: Block;
  /** Of the entry point: the size of its workgroups. */
  readonly workgroup?: readonly Expression[];
}

/** A storage buffer. */
export interface BufferSyntax {
  readonly name: string;
  readonly group: number;
  readonly binding: number;
  readonly access: "read" | "read_write";
  readonly type: TypeName;
}

export interface ModuleSyntax {
  readonly aliases: ReadonlyMap<string, TypeName>;
  readonly constants: ReadonlyMap<string, Expression>;
  readonly structs: ReadonlyMap<string, readonly Parameter[]>;
  readonly buffers: readonly BufferSyntax[];
  /** Variables of each invocation that all functions see. */
  readonly variables: readonly Declaration[];
  /** Variables that the invocations of a workgroup share. */
  readonly shared: readonly Parameter[];
  readonly functions: ReadonlyMap<string, FunctionSyntax>;
}

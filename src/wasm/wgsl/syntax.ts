/*
 * The part of WGSL (www.w3.org/TR/WGSL) that kernels use, as a tree.
 */

/** A type as written: `f32`, `vec4f`, `array<F, 4>`. */
export interface TypeName {
  readonly name: string;
  /** Of arrays and vectors: the type of their elements. */
  readonly of?: TypeName;
  /** Of arrays: how many. */
  readonly count?: Expression;
}

export type Expression =
  | { readonly kind: "number"; readonly value: number; readonly type: "f32" | "i32" | "u32" | "abstract" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "unary"; readonly sign: string; readonly x: Expression }
  | { readonly kind: "binary"; readonly sign: string; readonly a: Expression; readonly b: Expression }
  /** A call of a function, or of a type: `max(a, b)`, `vec4f(1.0)`, `bitcast<u32>(x)`. */
  | { readonly kind: "call"; readonly callee: TypeName; readonly args: readonly Expression[] }
  | { readonly kind: "index"; readonly x: Expression; readonly at: Expression }
  | { readonly kind: "member"; readonly x: Expression; readonly name: string };

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
    }
  | { readonly kind: "return"; readonly value?: Expression }
  | { readonly kind: "break" }
  | { readonly kind: "continue" }
  | { readonly kind: "block"; readonly body: Block };

export type Block = readonly Statement[];

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
  readonly binding: number;
  readonly type: TypeName;
}

export interface ModuleSyntax {
  readonly aliases: ReadonlyMap<string, TypeName>;
  readonly constants: ReadonlyMap<string, Expression>;
  readonly structs: ReadonlyMap<string, readonly Parameter[]>;
  readonly buffers: readonly BufferSyntax[];
  /** Variables of each invocation that all functions see. */
  readonly variables: readonly Extract<Statement, { kind: "declare" }>[];
  readonly functions: ReadonlyMap<string, FunctionSyntax>;
}

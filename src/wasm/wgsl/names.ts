import { Names as Around } from "../../wgsl/names.ts";
import type { Local } from "../code/function.ts";
import type { Value } from "../code/values.ts";
import type { Val } from "./arithmetic.ts";
import type { WgslType } from "./types.ts";

/** What a name stands for. */
export type Meaning =
  | { readonly kind: "value"; readonly value: Val }
  | { readonly kind: "variable"; readonly type: WgslType; readonly locals: readonly Local[] }
  /** An array whose elements are found by position: in memory. */
  | {
      readonly kind: "memory";
      readonly of: WgslType;
      readonly count: number;
      readonly address: Value<"i32">;
      /** Whether nothing writes to it. */
      readonly isConstant: boolean;
    };

/** A number or vector in memory. */
export interface Place {
  readonly type: WgslType;
  readonly address: Value<"i32">;
  readonly offset: number;
  readonly isConstant: boolean;
}

/** Names, and those around them. */
export const Names = Around<Meaning>;
export type Names = Around<Meaning>;

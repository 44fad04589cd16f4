import { Names } from "../wgsl/names.ts";
import type { Val } from "./arithmetic.ts";
import type { Place } from "./places.ts";

/** What a name stands for. */
export type Meaning =
  | { readonly kind: "value"; readonly value: Val }
  | { readonly kind: "variable"; readonly place: Place }
  | { readonly kind: "pointer"; readonly place: Place };

/** Names, and those around them. */
export const Scope = Names<Meaning>;
export type Scope = Names<Meaning>;

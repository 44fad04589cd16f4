import type { Val } from "./arithmetic.ts";
import type { Place } from "./places.ts";

/** What a name stands for. */
export type Meaning =
  | { readonly kind: "value"; readonly value: Val }
  | { readonly kind: "variable"; readonly place: Place }
  | { readonly kind: "pointer"; readonly place: Place };

/** Names, and those around them. */
export class Scope {
  readonly #own = new Map<string, Meaning>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  set(name: string, meaning: Meaning): void {
    this.#own.set(name, meaning);
  }

  get(name: string): Meaning | undefined {
    return this.#own.get(name) ?? this.#outer?.get(name);
  }
}

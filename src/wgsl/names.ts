/** What names stand for in a block, and in those around it. */
export class Names<Meaning> {
  readonly #own = new Map<string, Meaning>();
  readonly #outer: Names<Meaning> | undefined;

  constructor(outer?: Names<Meaning>) {
    this.#outer = outer;
  }

  set(name: string, meaning: Meaning): void {
    this.#own.set(name, meaning);
  }

  get(name: string): Meaning | undefined {
    return this.#own.get(name) ?? this.#outer?.get(name);
  }
}

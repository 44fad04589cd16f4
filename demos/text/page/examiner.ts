import { type Engine, input, type Program, softmax, type Tensor } from "../../../src/index.ts";
import type { CharacterModel } from "../model.ts";
import { ignored } from "./ignored.ts";
import type { Tagged, TagMaterial } from "./tags.ts";

/** How a network tags names that it has not learned. */
export interface Exam {
  /** Share of the names whose tag is right. */
  readonly accuracy: number;
  /** Some of the lines. */
  readonly lines: readonly (Tagged & {
    /** How likely each character belongs to a last name. */
    readonly last: readonly number[];
  })[];
}

/** Lines that are shown. */
const shown = 10;

/** Tags the names that are held out. */
export class Examiner {
  readonly #material: TagMaterial;
  readonly #program: Program<{ readonly probabilities: Tensor }>;

  static async create(engine: Engine, model: CharacterModel, material: TagMaterial): Promise<Examiner> {
    const { length, batch } = material.validationWindow;
    const { logits } = model.read(input("x", [length, batch], "i32"), []);
    return new Examiner(material, await engine.compile({ outputs: { probabilities: softmax(logits) } }));
  }

  private constructor(material: TagMaterial, program: Program<{ readonly probabilities: Tensor }>) {
    this.#material = material;
    this.#program = program;
  }

  async examine(): Promise<Exam> {
    const { heldOut, validation } = this.#material;
    const { probabilities } = await this.#program.compute({ x: validation[0]!.x });
    const lines = heldOut.map((line, n) => ({
      ...line,
      last: [...line.text].map((_, i) => (probabilities as Float32Array)[2 * ((i + 1) * heldOut.length + n) + 1]!),
    }));
    const right = lines.flatMap(verdicts);
    return { accuracy: right.filter(Boolean).length / right.length, lines: lines.slice(0, shown) };
  }

  destroy(): void {
    this.#program.destroy();
  }
}

/** For each name of a line, whether its characters together say what it is. */
export function verdicts({ labels, last }: Pick<Exam["lines"][number], "labels" | "last">): boolean[] {
  const sums: { label: number; votes: number }[] = [];
  labels.forEach((label, i) => {
    if (label === ignored) return;
    if (i === 0 || labels[i - 1] === ignored) sums.push({ label, votes: 0 });
    sums.at(-1)!.votes += last[i]! - 0.5;
  });
  return sums.map(({ label, votes }) => votes > 0 === (label === 1));
}

import { permutation, randomStream } from "../../../src/data/random.ts";
import { charTokenizer, type Tokenizer } from "../../../src/data/text/index.ts";
import { ignored } from "./ignored.ts";
import { type Batch, bitsByFrequency, type Material, orders } from "./material.ts";

/** What a character can belong to: labels 0 and 1. */
const tags = ["first name", "last name"] as const;

/** A line with a name or two, and the label of each character. */
export interface Tagged {
  readonly text: string;
  /** `ignored` for spaces. */
  readonly labels: readonly number[];
}

/** Lines to train on, and to validate on. */
const lines = { train: 6000, validation: 128 } as const;

/** Names are short, so that two of them and a space are. */
const shape = /^[A-Z][a-z]{1,8}$/;
const length = 1 + 9 + 1 + 9;

export interface TagMaterial extends Material {
  /** The lines to validate on. */
  readonly heldOut: readonly Tagged[];
}

/**
 * First and last names, alone or together in either order: which is which? Names that are both are left out, and those to
 * validate on are none of those to train on.
 */
export function tagMaterial(firstNames: string, lastNames: string, batch: number, seed: number): TagMaterial {
  const listed = [firstNames, lastNames].map((text) => new Set(text.split(/\s*\n/).filter((name) => shape.test(name))));
  const lists = listed.map((own, i) => [...own].filter((name) => !listed[1 - i]!.has(name)));
  const shuffled = lists.map((names) => Array.from(permutation(names.length, 0), (i) => names[i]!));
  const held = shuffled.map((names) => names.slice(0, Math.round(names.length / 10)));
  const known = shuffled.map((names, i) => names.slice(held[i]!.length));
  const [train, heldOut] = [draw(known, lines.train, 1), draw(held, lines.validation, 2)];
  const tokenizer = charTokenizer(`\n ${lists.flat().join("")}`);
  const start = tokenizer.id("\n");
  const batches = Math.ceil(train.length / batch);
  const validation = [rows(heldOut, tokenizer)];
  const counts = new Float64Array(tags.length).fill(1);
  for (const label of train.flatMap(({ labels }) => labels)) if (label !== ignored) counts[label]!++;
  const order = orders(train.length, seed);
  return {
    tokenizer,
    window: { batch, length },
    validationWindow: { batch: lines.validation, length },
    lines: true,
    labels: tags,
    batches,
    at(step) {
      const now = order(Math.floor(step / batches));
      const first = (step % batches) * batch;
      return rows(
        Array.from({ length: batch }, (_, i) => train[now[(first + i) % train.length]!]!),
        tokenizer,
      );
    },
    validation,
    heldOut,
    start,
    baseline: bitsByFrequency(counts, validation),
  };
}

/** Draws lines: a first and a last name in either order, or one of them. */
function draw([first, last]: readonly (readonly string[])[], count: number, stream: number): Tagged[] {
  const random = randomStream(0, stream);
  const pick = (names: readonly string[]): string => names[random.below(names.length)]!;
  return Array.from({ length: count }, () => {
    const both: readonly [string, number][] = [
      [pick(first!), 0],
      [pick(last!), 1],
    ];
    const form = random.below(4);
    const chosen = [both, [both[1]!, both[0]!], [both[0]!], [both[1]!]][form]!;
    return {
      text: chosen.map(([name]) => name).join(" "),
      labels: chosen.flatMap(([name, tag], i) => [...(i > 0 ? [ignored] : []), ...Array(name.length).fill(tag)]),
    };
  });
}

/** Lines side by side, each after a line end. A label belongs to the character in its place. */
function rows(tagged: readonly Tagged[], tokenizer: Tokenizer): Batch {
  const count = tagged.length;
  const x = new Int32Array(length * count).fill(tokenizer.id("\n"));
  const y = new Int32Array(length * count).fill(ignored);
  for (const [n, { text, labels }] of tagged.entries()) {
    for (const [i, code] of tokenizer.encode(text).entries()) {
      x[(i + 1) * count + n] = code;
      y[(i + 1) * count + n] = labels[i]!;
    }
  }
  return { x, y };
}

import { type Samples, samples } from "../problems.ts";
import { batchOf, type Settings } from "../settings.ts";
import { firstValues, sizesOf, type Values } from "../values.ts";

/** What a program in any language needs of a run: its numbers, and its sizes. */
export interface Given {
  readonly settings: Settings;
  /** Units of all layers, with inputs and output. */
  readonly sizes: readonly number[];
  readonly samples: Samples;
  readonly start: readonly Values[];
  /** Points in a step. */
  readonly batch: number;
}

export function givenOf(settings: Settings): Given {
  const points = samples(settings);
  return {
    settings,
    sizes: sizesOf(settings),
    samples: points,
    start: firstValues(settings),
    batch: batchOf(settings, points.train),
  };
}

/** All layers as texts: each linear one, and after all but the last, activation and dropout. */
export function layersOf(
  { sizes }: Given,
  linear: (i: number, inputs: number, units: number) => string,
  after: { readonly activation: string | undefined; readonly dropout: string | undefined },
): string[] {
  const between = [after.activation, after.dropout].filter((text) => text !== undefined);
  return sizes.slice(1).flatMap((units, i) => [linear(i, sizes[i]!, units), ...(i < sizes.length - 2 ? between : [])]);
}

/** The page draws thousandths and ten thousandths: a float32 in as few digits as bring it back. */
const digits = (value: number): string => String(Number(value.toFixed(4)));

/** Words in lines of at most 110 characters. */
function lines(words: readonly string[], indent: string): string {
  const all: string[] = [];
  for (const word of words) {
    const last = all.at(-1);
    if (last !== undefined && last.length + word.length < 109) all[all.length - 1] = `${last} ${word}`;
    else all.push(indent + word);
  }
  return all.join("\n");
}

/** The points as lists `[x1, x2, y],` for JavaScript and Python. */
export const pointsText = ({ samples: { x, y } }: Given, indent = "    "): string =>
  lines(
    Array.from(y, (label, i) => `[${digits(x[2 * i]!)}, ${digits(x[2 * i + 1]!)}, ${digits(label)}],`),
    indent,
  );

/** The first weights of each layer, `[units, inputs]`, row by row. */
export const startText = ({ start }: Given, indent = "    "): string =>
  start
    .map(({ weight }) => {
      const numbers = lines(
        Array.from(weight, (value) => `${digits(value)},`),
        `${indent}  `,
      );
      return `${indent}[\n${numbers}\n${indent}],`;
    })
    .join("\n");

/** What the program is about, for its first line. */
export const titleOf = ({ settings: { problem, activation, seed }, sizes }: Given): string =>
  `${problem === "own" ? "own points" : problem}, ${sizes.join("-")}, ${activation}, seed ${seed}`;

import type { Forced } from "../kernels/traits.ts";

/*
 * The kernel families and their variants by name, so that a page need not carry kernels to check a name. Whoever adds a variant adds
 * it here: test/unit/grids.test.ts holds the list to the kernels.
 */

const lines = "naive serial tree";
const sequence = "steps1 steps4 steps8 quads walk";

/** Variants by family, the plainest first. */
export const families: Readonly<Record<string, string>> = {
  elementwise: "vec4",
  matmul:
    "naive direct1x4 direct4x4 direct8x4 direct16x8 quads4x4 quads8x4 quads16x4 quads16x8 quads32x8 quadK4x4 groupK1x8 groupK4x8 tiled tiled128",
  reduce: "naive serial columns tree",
  pick: lines,
  softmax: lines,
  softmaxGrad: lines,
  layerNorm: lines,
  squaredNorm: lines,
  conv2d: "direct quads tiled",
  conv2dWeightGrad: "direct quads tiled",
  maxPool2d: "direct",
  maxPool2dGrad: "gather blocks",
  maxPool2dPick: "direct",
  embedding: "naive vec4",
  embeddingGrad: "naive rows positions",
  lstm: sequence,
  gru: sequence,
  rnn: sequence,
  pad: "naive vec4",
  concat: "naive vec4",
  gather: "naive",
  scatterAdd: "naive",
  cumsum: "naive blocks",
  cumprod: "naive",
  sort: "naive merge",
  castAll: "naive",
};

/** What is wrong with variants that are to be forced, in words: a name that no family or no variant has. */
export function faultOf(forced: Forced): string | undefined {
  for (const [family, asked] of Object.entries(forced)) {
    const name = typeof asked === "object" && asked ? asked.ifFits : asked;
    const listed = family === "*" ? Object.values(families).join(" ") : new Map(Object.entries(families)).get(family);
    if (listed === undefined) return `there is no kernel family "${family}", ${expected(Object.keys(families))}`;
    const variants = [...new Set(listed.split(" "))];
    const owner = family === "*" ? "no kernel family has a" : `${family} has no`;
    if (!variants.includes(name)) return `${owner} variant "${name}", ${expected(variants)}`;
  }
  return undefined;
}

const expected = (names: readonly string[]): string => `expected one of ${names.join(", ")}`;

/* What each variant does, in a sentence. Names end in the sizes of a tile, such as "direct4x8". */

const lines = {
  serial: "One invocation per line, four elements at a time.",
  tree: "A workgroup per line, whose invocations add their parts in workgroup memory.",
};

/** For kernels that need a line more than once. */
const keeping = {
  ...lines,
  kept: "The same, and invocations keep their parts of the line in registers: memory is read once.",
  quads: "The same, and four neighbours add their parts by swaps first: fewer barriers.",
};

/** Sentences by family and variant; "*" stands for every family. */
const sentences: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "*": { naive: "The definition: one invocation per result.", vec4: "One invocation per four neighbouring results." },
  matmul: {
    direct: "One invocation computes ROWS × COLUMNS results in registers: each loaded element serves many products.",
    quads: "ROWS × COLUMNS results per invocation, and four neighbours swap what they load: each loads a quarter.",
    dots: "Eight dot products per invocation, of a vector with columns that are contiguous in memory.",
    quadK: "Four neighbouring invocations share ROWS × COLUMNS results: each takes every fourth step of the inner sum.",
    packed:
      "ROWS × COLUMNS results per invocation; a kernel before it copies the second factor into panels of columns.",
    groupK: "A workgroup of 64 shares ROWS × COLUMNS results and splits the inner sum, for few results.",
    group16K: "Sixteen invocations share ROWS × COLUMNS results, four such groups a workgroup: for shorter sums.",
    group256K: "A workgroup of 256 shares ROWS × COLUMNS results: for products with a vector.",
    tiled: "A workgroup computes 64 × 64 results from slices of both factors in workgroup memory: for GPUs.",
    tiled128: "The same with 128 × 128 results: twice as many products per loaded element.",
  },
  conv2d: {
    direct: "One invocation computes a strip of results for several features in registers.",
    quads: "The same, and four neighbouring invocations, each on its own image, share loads of the weight.",
    taps: "A matrix product, one tap after another: a table tells where its input is, and a kernel before adds padding.",
    halo: "A workgroup loads a tile of the image, what surrounds it, and kernels once, for all kernel elements: for GPUs.",
    tiled: "A matrix product of the weight and patches of the image, through workgroup memory: for GPUs.",
  },
  matmulSum: {
    naive: "The definition, and the only variant: one invocation adds what each part of K gave for four results.",
  },
  matmulPack: { naive: "The definition, and the only variant: one invocation copies a few steps of a panel." },
  conv2dSpread: { naive: "The definition, and the only variant: one invocation copies four columns." },
  conv2dWeightGrad: {
    direct: "One invocation computes some rows of kernels for several features in registers.",
    quads: "The same, and four neighbouring invocations share what they load.",
    depthwise: "For kernels of one channel: a workgroup shares out the pixels, and adds up its sums.",
    halo: "A workgroup loads tiles of the gradient and the image around them once, for all kernel elements: for GPUs.",
    tiled: "A matrix product of gradient and patches of the image, through workgroup memory: for GPUs.",
  },
  maxPool2d: {
    naive: "The definition: the maximum of each window; one invocation computes four windows.",
    unrolled: "The same for small windows, without loops or branches.",
  },
  maxPool2dGrad: {
    naive: "The definition: each element of the image searches the windows that contain it.",
    blocks: "One invocation per window writes its block of the image.",
  },
  maxPool2dPick: { naive: "The definition, and the only variant: one invocation per window." },
  reduce: {
    naive: "The definition: one invocation per result, one element at a time.",
    serial: "Along lines, four elements at a time; long lines in chunks, which a second kernel adds up.",
    columns: "One invocation computes four neighbouring results at once, in chunks.",
    tree: lines.tree,
    tile: "A workgroup computes 16 neighbouring results, or 16 groups of four, each of which 16 invocations share.",
  },
  pick: { naive: "The definition: one invocation per line, one element at a time.", ...lines },
  softmax: { naive: "The definition: one invocation per line, one element at a time.", ...keeping },
  softmaxGrad: { naive: "The definition: one invocation per line, one element at a time.", ...keeping },
  attention: {
    tiles: "A workgroup takes 32 queries through tiles of keys and values in workgroup memory: for GPUs.",
    split: "Workgroups share the keys of a few queries, and a second kernel joins what they found: for GPUs.",
  },
  attentionGrad: {
    tiles: "Tiles in workgroup memory, along keys for the queries, and along queries for the keys: for GPUs.",
  },
  layerNorm: { naive: "The definition: one invocation per row, one element at a time.", ...keeping },
  squaredNorm: { naive: "The definition: one invocation per piece of 1024 elements.", ...lines },
  embeddingGrad: {
    naive: "The definition: each element of the table searches all positions.",
    rows: "The same, four indices and four columns at once: for small tables.",
    sorted: "Sorts positions by row, so that those of a row are neighbours: for large tables and many positions.",
    positions: "The first position that names a row adds up all of them, the others return: for large tables.",
  },
  sort: {
    naive: "The definition: an element's rank is the number of elements before it.",
    merge: "Sorts blocks of 64, then merges sorted runs, one dispatch per doubling.",
  },
  cumsum: {
    naive: "The definition: one invocation per line, one element at a time.",
    blocks: "Sums blocks of 64, and groups of blocks: the same speed, smaller rounding errors.",
  },
  cumprod: { naive: "The definition, and the only variant: one invocation per line." },
  gather: { naive: "The definition, and the only variant: one invocation per result." },
  scatterAdd: { naive: "The definition, and the only variant: each result searches the index." },
  castAll: { naive: "The definition: one invocation per element.", vec4: "One invocation per four elements." },
};

const recurrent = {
  naive: "The definition: a dispatch per step, one invocation per row and unit.",
  steps: "The same with the products of ROWS rows kept in registers.",
  quads: "Four neighbouring invocations compute the same units of different rows, and share loads of the weight.",
  walk: "All steps in one dispatch: a workgroup reads each weight once per step, for ROWS rows. With barriers, for GPUs.",
};

/** What a variant does; empty for one that is not described. */
export function sentenceOf(family: string, variant: string): string {
  const known = ["lstm", "gru", "rnn"].includes(family) ? recurrent : { ...sentences["*"], ...sentences[family] };
  const [, name = variant, rows = "", columns = ""] = /^(.*[^\dx])(\d+)(?:x(\d+))?$/.exec(variant) ?? [];
  const sentence: string = (known as Record<string, string>)[variant] ?? (known as Record<string, string>)[name] ?? "";
  return sentence
    .replace("ROWS rows", /^1?$/.test(rows) ? "1 row" : "ROWS rows")
    .replace("ROWS", rows)
    .replace("COLUMNS", columns);
}

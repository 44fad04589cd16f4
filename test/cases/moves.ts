import { cumprod, cumsum } from "../../src/ops/lines/cumulative.ts";
import { argsort, sort, topk } from "../../src/ops/lines/sort.ts";
import { concat, split } from "../../src/ops/moves/concat.ts";
import { gather, indexSelect, padWith, scatterAdd } from "../../src/ops/moves/gather.ts";
import { interpolate } from "../../src/ops/moves/interpolate.ts";
import { roll, stack, tril, triu } from "../../src/ops/moves/join.ts";
import { oneHot } from "../../src/ops/moves/oneHot.ts";
import { pad } from "../../src/ops/moves/pad.ts";
import {
  expand,
  flatten,
  flip,
  permute,
  reshape,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from "../../src/ops/moves/views.ts";
import * as arithmetic from "../../src/ops/pointwise/arithmetic.ts";
import { reals, whole } from "../draws.ts";
import type { CaseRow } from "./row.ts";

export const viewRows: readonly CaseRow[] = [
  { name: "reshape", op: (x) => reshape(x, [-1, 6]), shapes: [[[3, 4]], [[2, 3, 5]], [[6]]] },
  { name: "reshape of a transpose", op: (x) => reshape(transpose(x), [-1]), shapes: [[[3, 4]], [[1, 7]], [[2, 5, 3]]] },
  { name: "flatten", op: (x) => flatten(x), shapes: [[[3, 4, 5]], [[7]]] },
  { name: "squeeze", op: (x) => squeeze(x), shapes: [[[1, 5, 1]], [[1]]] },
  { name: "unsqueeze", op: (x) => unsqueeze(x, -1), shapes: [[[5]], [[]]] },
  { name: "expand", op: (x) => expand(x, [2, 3, 5]), shapes: [[[3, 1]], [[1, 5]], [[]], [[2, 1, 5]]] },
  { name: "permute", op: (x) => permute(x, [2, 0, 1]), shapes: [[[2, 3, 5]], [[1, 7, 4]]] },
  {
    name: "slice",
    op: (x) =>
      slice(x, [
        [1, -1],
        [undefined, undefined, 3],
      ]),
    shapes: [[[5, 7]], [[3, 1]]],
  },
  {
    name: "slice backwards",
    op: (x) =>
      slice(x, [
        [-1, 0, -2],
        [4, undefined, -1],
      ]),
    shapes: [[[5, 7]], [[2, 9]]],
  },
  { name: "flip", op: (x) => flip(x, [0, -1]), shapes: [[[3, 4, 5]], [[1, 2]]] },
  { name: "pad", op: (x) => pad(x, { low: [1, 0], high: [0, 3], value: 0.5 }), shapes: [[[3, 5]], [[1, 1]]] },
  {
    name: "pad between",
    op: (x) => pad(x, { low: [1, 2], high: [3, 0], interior: [1, 2] }),
    shapes: [[[3, 5]], [[1, 1]]],
  },
  { name: "pad by reflection", op: (x) => padWith("reflect", x, [2, 1], [1, 3]), shapes: [[[3, 5]]] },
  {
    name: "pad by the edge",
    op: (x) => padWith("replicate", x, [2, 0], [1, 3]),
    shapes: [[[3, 5]], [[1, 1]]],
  },
];

export const resizeRows: readonly CaseRow[] = [
  { name: "interpolate", op: (x) => interpolate(x, { scaleFactor: [2, 3] }), shapes: [[[2, 3, 4, 5]], [[1, 1, 1, 1]]] },
  { name: "interpolate to a size", op: (x) => interpolate(x, { size: [3, 8] }), shapes: [[[2, 1, 5, 3]]] },
  {
    name: "interpolate, bilinear",
    op: (x) => interpolate(x, { scaleFactor: 2, mode: "bilinear" }),
    shapes: [[[2, 3, 4, 5]], [[1, 1, 1, 2]]],
  },
  {
    name: "interpolate, bilinear, down",
    op: (x) => interpolate(x, { scaleFactor: 0.6, mode: "bilinear" }),
    shapes: [[[1, 2, 7, 5]]],
  },
  {
    name: "interpolate, bilinear, with corners",
    op: (x) => interpolate(x, { size: [7, 1], mode: "bilinear", alignCorners: true }),
    shapes: [[[1, 2, 4, 5]]],
  },
];

export const joinRows: readonly CaseRow[] = [
  {
    name: "concat",
    op: (...x) => concat(x, 1),
    shapes: [
      [
        [3, 2],
        [3, 5],
        [3, 1],
      ],
      [
        [1, 4],
        [1, 4],
      ],
    ],
  },
  { name: "concat of many", op: (...x) => concat(x), shapes: [Array.from({ length: 17 }, (_, i) => [1 + (i % 3), 2])] },
  {
    name: "stack",
    op: (...x) => stack(x, -1),
    shapes: [
      [
        [3, 4],
        [3, 4],
      ],
      [[], [], []],
    ],
  },
  { name: "split", op: (x) => arithmetic.mul(split(x, 1, [2, 3])[1]!, split(x, 1, [3, 2])[0]!), shapes: [[[4, 5]]] },
  { name: "roll", op: (x) => roll(x, [1, -2], [0, 1]), shapes: [[[3, 5]], [[1, 2]]] },
  { name: "tril", op: (x) => tril(x, 1), shapes: [[[4, 5]], [[2, 3, 3]]] },
  { name: "triu", op: (x) => triu(x), shapes: [[[5, 4]], [[2, 3, 3]]] },
  { name: "cumsum", op: (x) => cumsum(x, 1), shapes: [[[3, 7]], [[2, 5, 3]], [[1, 1]]] },
  { name: "cumprod", op: (x) => cumprod(x, 1), shapes: [[[3, 7]], [[2, 5, 3]], [[1, 1]]] },
  { name: "cumprod with zeros", op: (x) => cumprod(x, 0), shapes: [[[6, 4]]], draws: [whole(-1, 2)] },
  { name: "sort", op: (x) => sort(x, 1).values, shapes: [[[3, 7]], [[2, 5, 3]], [[1, 1]], [[2, 150]]] },
  { name: "sort downwards", op: (x) => sort(x, 0, { descending: true }).values, shapes: [[[7, 3]], [[9]]] },
  { name: "argsort", op: (x) => argsort(x, 1), shapes: [[[3, 7]], [[2, 70, 3]]], noGradient: true },
  { name: "argsort of equals", op: (x) => argsort(x), shapes: [[[4, 90]]], draws: [whole(-2, 2)], noGradient: true },
  { name: "topk", op: (x) => topk(x, 3, 1).values, shapes: [[[3, 7]], [[2, 5, 3]], [[2, 90]]] },
  { name: "topk of the smallest", op: (x) => topk(x, 1, 0, { largest: false }).values, shapes: [[[7, 3]], [[1]]] },
  {
    name: "gather",
    op: (x, i) => gather(x, 1, i),
    shapes: [
      [
        [4, 5],
        [4, 7],
      ],
      [
        [4, 5],
        [2, 3],
      ],
    ],
    draws: [reals(-2, 2), whole(0, 4)],
  },
  {
    name: "indexSelect",
    op: (x, i) => indexSelect(x, 0, i),
    shapes: [
      [[5, 3], [9]],
      [[5], [1]],
    ],
    draws: [reals(-2, 2), whole(0, 4)],
  },
  {
    name: "scatterAdd",
    op: (x, i, s) => scatterAdd(x, 0, i, s),
    shapes: [
      [
        [5, 3],
        [4, 2],
        [6, 3],
      ],
      [[5], [11], [11]],
    ],
    draws: [reals(-2, 2), whole(0, 4), reals(-2, 2)],
  },
  { name: "oneHot", op: (i) => oneHot(i, 5), shapes: [[[7]], [[]], [[2, 3]]], draws: [whole(0, 4)] },
];

import { conv1d, conv2d, convTranspose2d } from "../../src/ops/network/conv.ts";
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from "../../src/ops/network/pool.ts";
import type { CaseRow } from "./row.ts";

export const convolutionRows: readonly CaseRow[] = [
  {
    name: "conv2d",
    op: (x, w, b) => conv2d(x, w!, b, { padding: 1 }),
    shapes: [
      [[2, 3, 5, 4], [4, 3, 3, 3], [4]],
      [[1, 1, 3, 7], [2, 1, 2, 5], [2]],
    ],
  },
  {
    name: "conv2d, strided and dilated",
    op: (x, w) =>
      conv2d(x, w!, undefined, {
        stride: [2, 3],
        dilation: [1, 2],
        padding: [
          [0, 1],
          [2, 1],
        ],
      }),
    shapes: [
      [
        [1, 2, 7, 9],
        [3, 2, 2, 3],
      ],
    ],
  },
  {
    name: "conv2d, grouped",
    op: (x, w) => conv2d(x, w!, undefined, { groups: 2, padding: "same" }),
    shapes: [
      [
        [2, 4, 4, 3],
        [6, 2, 2, 3],
      ],
    ],
  },
  { name: "conv2d, 1×1", op: (x, w, b) => conv2d(x, w!, b), shapes: [[[2, 3, 4, 5], [2, 3, 1, 1], [2]]] },
  {
    name: "conv1d",
    op: (x, w, b) => conv1d(x, w!, b, { stride: 2, padding: 1 }),
    shapes: [[[2, 3, 8], [2, 3, 3], [2]]],
  },
  {
    name: "convTranspose2d",
    op: (x, w, b) => convTranspose2d(x, w!, b, { stride: 2, padding: 1, outputPadding: 1 }),
    shapes: [[[2, 3, 3, 2], [3, 2, 3, 3], [2]]],
  },
  { name: "maxPool2d", op: (x) => maxPool2d(x, 2), shapes: [[[2, 3, 5, 6]], [[1, 1, 2, 2]]] },
  {
    name: "maxPool2d, overlapping",
    op: (x) => maxPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }),
    shapes: [[[1, 2, 6, 7]]],
  },
  {
    name: "avgPool2d",
    op: (x) => avgPool2d(x, [3, 2], { stride: 2, padding: 1, countIncludePad: false }),
    shapes: [[[2, 2, 6, 5]]],
  },
  { name: "adaptiveAvgPool2d", op: (x) => adaptiveAvgPool2d(x, [2, 3]), shapes: [[[1, 2, 5, 7]]] },
];

import type { Tensor } from "../../graph/tensor.ts";
import { eq, ge, gt, le, lt, maximum, mul, ne, where } from "../../ops/index.ts";
import { isNan, isNegativeInfinity, isPositiveInfinity } from "../../ops/pointwise/classify.ts";
import { elementType } from "../elements.ts";
import type { OpNode, OpRow } from "../node.ts";
import { converted } from "./casts.ts";
import { operands } from "./elementwise.ts";

const compare = (op: string, since: readonly number[], f: (a: Tensor, b: Tensor) => Tensor): OpRow => ({
  op,
  since,
  build: (node) => node.typed("bool", f(...operands(node))),
});

function isInf(node: OpNode): Tensor {
  const x = node.tensor(0);
  const found = [
    ...(node.int("detect_positive", 1) ? [isPositiveInfinity(x)] : []),
    ...(node.int("detect_negative", 1) ? [isNegativeInfinity(x)] : []),
  ];
  return found.length > 0 ? found.reduce((a, b) => maximum(a, b)) : ne(isNan(x), isNan(x));
}

export const logic: readonly OpRow[] = [
  compare("Equal", [1, 7, 11, 13, 19], eq),
  compare("Greater", [1, 7, 9, 13], gt),
  compare("GreaterOrEqual", [12, 16], ge),
  compare("Less", [1, 7, 9, 13], lt),
  compare("LessOrEqual", [12, 16], le),
  compare("And", [1, 7], mul),
  compare("Or", [1, 7], maximum),
  compare("Xor", [1, 7], ne),
  { op: "Not", since: [1], build: (node) => eq(node.tensor(0), 0) },
  {
    op: "Where",
    since: [9, 16],
    build: (node) => node.typed(node.value(1).type, where(node.tensor(0), node.tensor(1), node.tensor(2))),
  },
  { op: "IsNaN", since: [9, 13, 20], build: (node) => node.typed("bool", isNan(node.tensor(0))) },
  { op: "IsInf", since: [10, 20], build: (node) => node.typed("bool", isInf(node)) },
  {
    op: "Cast",
    since: [6, 9, 13, 19, 21, 23, 24, 25],
    limits: "floats of every type are f32: no rounding to float16 or bfloat16; no strings",
    build(node) {
      const [x, to] = [node.value(0), elementType("attribute to", node.int("to", 0))];
      if (x.size === 0) return node.host(to, x.shape, []);
      return node.typed(to, converted(x.tensor, x.type, to));
    },
  },
  {
    op: "CastLike",
    since: [15, 19, 21, 23, 24, 25],
    limits: "as Cast",
    build(node) {
      const to = node.value(1).type;
      return node.typed(to, converted(node.tensor(0), node.value(0).type, to));
    },
  },
];

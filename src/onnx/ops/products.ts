import type { Tensor } from "../../graph/tensor.ts";
import { add, cast, flatten, matmul, mul, reshape, round, transpose } from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";

/** A product of floats; integers are multiplied as floats, exact up to 2²⁴. */
function product(a: Tensor, b: Tensor): Tensor {
  if (a.dtype === "f32") return matmul(a, b);
  return cast(round(matmul(cast(a, "f32"), cast(b, "f32"))), a.dtype);
}

function gemm(node: OpNode): Built {
  const [a, b] = [node.tensor(0), node.tensor(1)];
  const left = node.int("transA", 0) ? transpose(a) : node.opset < 7 && a.shape.length > 2 ? flatten(a) : a;
  const right = node.int("transB", 0) ? transpose(b) : b;
  const [alpha, beta] = [node.float("alpha", 1), node.float("beta", 1)];
  const y = alpha === 1 ? product(left, right) : mul(product(left, right), alpha);
  const c = node.optional(2);
  if (!c || beta === 0) return y;
  // A bias of one axis and one element is a number.
  const bias = c.size === 1 ? reshape(c, []) : c;
  return add(y, beta === 1 ? bias : mul(bias, beta));
}

export const products: readonly OpRow[] = [
  {
    op: "MatMul",
    since: [1, 9, 13],
    limits: "integers are multiplied as f32: exact up to 2²⁴",
    build: (node) => product(node.tensor(0), node.tensor(1)),
  },
  { op: "Gemm", since: [1, 6, 7, 9, 11, 13], limits: "as MatMul", build: gemm },
];

import { sameShape } from "../../graph/shape.ts";
import type { Node, Tensor } from "../../graph/tensor.ts";
import { meanOf } from "../../ops/idioms.ts";
import { averageForm, convolutionForm, pointwiseForm } from "./convolutions.ts";
import { linearOf, named, unshaped } from "./linear.ts";
import { batchNormForm, normalizationForm } from "./normalization.ts";
import { typeNumbers } from "./proto.ts";
import { recurrentForm } from "./recurrent.ts";
import type { Form, Target } from "./target.ts";

/*
 * Groups of nodes that are one node of ONNX: what `linear`, `batchNorm` and others build. Each is recognised at its last
 * node. The nodes within are written alone where others read them.
 */

function linearForm({ results: [y] }: Node, to: Target): Form | undefined {
  const linear = linearOf(y!);
  if (!linear) return undefined;
  const { x, weight, bias } = linear;
  const reads = [x, weight, ...(bias ? [bias] : [])];
  const isMatrix = x.shape.length === 2;
  if (isMatrix)
    return {
      reads,
      write: () =>
        to.emit(
          "Gemm",
          reads.map((each) => to.value(each)),
          { transB: 1 },
        ),
    };
  return {
    reads,
    write() {
      const product = to.emit("MatMul", [to.value(x), to.emit("Transpose", [to.value(weight)], { perm: [1, 0] })]);
      return bias ? to.emit("Add", [product, to.value(bias)]) : product;
    },
  };
}

/** Rows of a table for indices of any shape. */
function embeddingForm({ results: [y] }: Node, to: Target): Form | undefined {
  const inner = unshaped(y!);
  if (!named(y, "reshape") || !named(inner, "embedding")) return undefined;
  const [weight, flat] = inner.node.inputs as [Tensor, Tensor];
  const index = unshaped(flat);
  if (!sameShape(y.shape, [...index.shape, weight.shape[1]!])) return undefined;
  return {
    reads: [weight, index],
    write: () => to.emit("Gather", [to.value(weight), to.value(index)], { axis: 0 }),
  };
}

function meanForm(node: Node, to: Target): Form | undefined {
  const mean = meanOf(node);
  return mean && { reads: [mean.x], write: () => to.reduced("ReduceMean", to.value(mean.x), mean.axes, mean.keeps) };
}

/** Casts of several values, one for each result. */
function castForm({ op, inputs, results: [first] }: Node, to: Target): Form | undefined {
  if (op.name !== "castAll") return undefined;
  return {
    reads: inputs,
    write: (index) => to.emit("Cast", [to.value(inputs[index]!)], { to: typeNumbers[first!.dtype] }),
  };
}

const forms = [
  meanForm,
  castForm,
  linearForm,
  convolutionForm,
  pointwiseForm,
  averageForm,
  batchNormForm,
  normalizationForm,
  embeddingForm,
  recurrentForm,
];

/** The form that a node is the last of. */
export function formOf(node: Node, to: Target): Form | undefined {
  for (const form of forms) {
    const found = form(node, to);
    if (found) return found;
  }
  return undefined;
}

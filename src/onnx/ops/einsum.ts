import { FormatError, ShapeError } from "../../errors.ts";
import { broadcastShapes, sizeOf } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { eq, expand, iota, matmul, permute, reshape, sum, where } from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";

/** A tensor with a label for each axis. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/** Labels of one operand. Axes of an ellipsis get numbers, counted from the last one. */
function labelsOf(term: string, rank: number): string[] {
  const [before, behind] = term.includes("...") ? term.split("...") : [term, undefined];
  if (behind === undefined) return [...term];
  const hidden = rank - before!.length - behind.length;
  if (hidden < 0) throw new ShapeError(`"${term}" has more labels than a tensor of rank ${rank}`);
  return [...before!, ...Array.from({ length: hidden }, (_, i) => `${hidden - 1 - i}`), ...behind];
}

/** Sums over labels that nobody needs; of a label that occurs twice, only the diagonal counts. */
function reduced({ tensor, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const twice = labels.findIndex((label, i) => labels.indexOf(label) < i);
  if (twice !== -1) {
    const first = labels.indexOf(labels[twice]!);
    const onDiagonal = eq(iota(tensor.shape, first), iota(tensor.shape, twice));
    const line = sum(where(onDiagonal, tensor, 0), twice);
    return reduced({ tensor: line, labels: labels.toSpliced(twice, 1) }, needed);
  }
  const gone = labels.flatMap((label, axis) => (needed.has(label) ? [] : [axis]));
  if (gone.length === 0) return { tensor, labels };
  return { tensor: sum(tensor, gone), labels: labels.filter((label) => needed.has(label)) };
}

/** The axes in the order of `labels`; missing ones have size 1. */
function ordered({ tensor, labels: own }: Labelled, labels: readonly string[]): Tensor {
  const present = labels.filter((label) => own.includes(label));
  const y = permute(
    tensor,
    present.map((label) => own.indexOf(label)),
  );
  let axis = 0;
  return reshape(
    y,
    labels.map((label) => (own.includes(label) ? y.shape[axis++]! : 1)),
  );
}

/** The product of two operands, summed over labels that they share and nobody needs: a product of matrices. */
function contracted(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const inner = shared.filter((label) => !needed.has(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const [left, right] = [ordered(a, [...batch, ...rows, ...inner]), ordered(b, [...batch, ...inner, ...columns])];
  const count = batch.length;
  // Axes of an ellipsis may have size 1 in one operand.
  const common = broadcastShapes("Einsum", left.shape.slice(0, count), right.shape.slice(0, count));
  const matrix = (x: Tensor, cut: number): Tensor => {
    const wide = expand(x, [...common, ...x.shape.slice(count)]);
    return reshape(wide, [
      sizeOf(common),
      sizeOf(x.shape.slice(count, count + cut)),
      sizeOf(x.shape.slice(count + cut)),
    ]);
  };
  const y = matmul(matrix(left, rows.length), matrix(right, inner.length));
  const shape = [
    ...common,
    ...left.shape.slice(count, count + rows.length),
    ...right.shape.slice(count + inner.length),
  ];
  return { tensor: reshape(y, shape), labels: [...batch, ...rows, ...columns] };
}

function einsum(node: OpNode): Built {
  const equation = node.text("equation", "").replaceAll(" ", "");
  const [inputs, output] = equation.split("->") as [string, string | undefined];
  const terms = inputs.split(",");
  if (terms.length !== node.inputs.length) throw new FormatError(`"${equation}" has ${terms.length} operands`);
  const operands = terms.map((term, i): Labelled => {
    const tensor = node.tensor(i);
    const labels = labelsOf(term, tensor.shape.length);
    if (labels.length === tensor.shape.length) return { tensor, labels };
    throw new ShapeError(`"${term}" does not fit a tensor of rank ${tensor.shape.length}`);
  });
  const all = operands.flatMap(({ labels }) => labels);
  const hidden = [...new Set(all.filter((label) => /\d/.test(label)))].sort((a, b) => Number(b) - Number(a));
  // Without an arrow, labels that occur once, in alphabetical order.
  const once = [...new Set(all)].filter((label) => !/\d/.test(label) && all.indexOf(label) === all.lastIndexOf(label));
  const wanted =
    output === undefined
      ? [...hidden, ...once.sort()]
      : output.includes("...")
        ? output.split("...").flatMap((part, i) => (i === 0 ? [...part, ...hidden] : [...part]))
        : [...output];
  const result = operands
    .map((operand, i) => {
      const others = operands.flatMap(({ labels }, k) => (k === i ? [] : labels));
      return reduced(operand, new Set([...wanted, ...others]));
    })
    .reduce((a, b, i) => {
      const later = operands.slice(i + 1).flatMap(({ labels }) => labels);
      return contracted(a, b, new Set([...wanted, ...later]));
    });
  if (result.labels.length !== wanted.length || !wanted.every((label) => result.labels.includes(label)))
    throw new FormatError(`"${equation}" has labels in its result that no operand has`);
  return ordered(result, wanted);
}

export const einsums: readonly OpRow[] = [{ op: "Einsum", since: [12], limits: "floats only", build: einsum }];

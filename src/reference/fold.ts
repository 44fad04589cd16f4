import { floats, type Shape, sizeOf } from "../graph/shape.ts";
import { eachElement, generate, type Kernel, positions, type Value } from "./value.ts";

/*
 * Ops that fold axes: reductions, softmax and its relatives, matrix products.
 */

/** Position of an element's result after folding `axes`, and of the element within that fold. */
function foldedPositions(shape: Shape, axes: readonly number[]) {
  const isFolded = (_: number, axis: number) => axes.includes(axis);
  const isKept = (_: number, axis: number) => !axes.includes(axis);
  const [result, within] = [positions(shape.filter(isKept)), positions(shape.filter(isFolded))];
  return {
    result: (at: readonly number[]) => result(at.filter(isKept)),
    within: (at: readonly number[]) => within(at.filter(isFolded)),
  };
}

/** Folds the axes of a node element by element, in row-major order. */
const reduction =
  (start: number, step: (sum: number, element: number) => number): Kernel =>
  ({ attrs: { axes }, results: [y] }, [x]) => {
    const data = new Float64Array(sizeOf(y!.shape)).fill(start);
    const { result } = foldedPositions(x!.shape, axes);
    eachElement(x!.shape, (at, i) => {
      const to = result(at);
      data[to] = step(data[to]!, x!.data[i]!);
    });
    return [data];
  };

/** Index, within the fold, of the first best element. */
const pick =
  (better: (element: number, best: number) => boolean): Kernel =>
  ({ attrs: { axes }, results: [y] }, [x]) => {
    const best = new Float64Array(sizeOf(y!.shape));
    const found = new Float64Array(best.length).fill(-1);
    const { result, within } = foldedPositions(x!.shape, axes);
    eachElement(x!.shape, (at, i) => {
      const to = result(at);
      const element = x!.data[i]!;
      if (found[to] !== -1 && !better(element, best[to]!)) return;
      best[to] = element;
      found[to] = within(at);
    });
    return [found];
  };

/** Log-softmax of each line along an axis: x − top − log Σ e^(x − top). */
function logSoftmax({ shape, data }: Value, axis: number): Float64Array {
  const { result: line } = foldedPositions(shape, [axis]);
  const lines = sizeOf(shape) / shape[axis]!;
  const top = new Float64Array(lines).fill(Number.NEGATIVE_INFINITY);
  const total = new Float64Array(lines);
  eachElement(shape, (at, i) => {
    top[line(at)] = Math.max(top[line(at)]!, data[i]!);
  });
  eachElement(shape, (at, i) => {
    total[line(at)]! += Math.exp(data[i]! - top[line(at)]!);
  });
  return generate(shape, (at, i) => data[i]! - top[line(at)]! - Math.log(total[line(at)]!));
}

/** A label as a class, clamped to the valid range as in the kernel. */
const classOf = (label: number, { shape }: Value): number => Math.min(Math.max(label, 0), shape[1]! - 1);

const crossEntropy: Kernel = ({ attrs: { ignore } }, [logits, labels]) => {
  const logs = logSoftmax(logits!, 1);
  const to = positions(logits!.shape);
  return [
    generate(labels!.shape, (at, i) => {
      const label = labels!.data[i]!;
      return label === ignore ? 0 : -logs[to(at.toSpliced(1, 0, classOf(label, logits!)))]!;
    }),
  ];
};

const crossEntropyGrad: Kernel = ({ attrs: { ignore } }, [logits, labels, dloss]) => {
  const logs = logSoftmax(logits!, 1);
  const to = positions(labels!.shape);
  return [
    generate(logits!.shape, (at, i) => {
      const line = to(at.toSpliced(1, 1));
      const label = labels!.data[line]!;
      if (label === ignore) return 0;
      return (Math.exp(logs[i]!) - (at[1] === classOf(label, logits!) ? 1 : 0)) * dloss!.data[line]!;
    }),
  ];
};

const softmaxGrad: Kernel = ({ attrs: { axis } }, [y, dy]) => {
  const { result: line } = foldedPositions(y!.shape, [axis]);
  const total = new Float64Array(sizeOf(y!.shape) / y!.shape[axis]!);
  eachElement(y!.shape, (at, i) => {
    total[line(at)]! += y!.data[i]! * dy!.data[i]!;
  });
  return [generate(y!.shape, (at, i) => y!.data[i]! * (dy!.data[i]! - total[line(at)]!))];
};

/** Products over the last two axes; the leading batch axes are equal. Without the epilogue. */
export function product(a: Value, b: Value): Float64Array {
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1)!;
  return generate([sizeOf(a.shape) / (m * k), m, n], ([batch, row, column]) => {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += a.data[(batch! * m + row!) * k + i]! * b.data[(batch! * k + i) * n + column!]!;
    return sum;
  });
}

/** The sum of a term over all elements of all inputs. */
const overAll =
  (term: (x: number) => number): Kernel =>
  (_, inputs) => [
    Float64Array.of(inputs.reduce((total, { data }) => data.reduce((sum, x) => sum + term(x), total), 0)),
  ];

export const folds: Readonly<Record<string, Kernel>> = {
  sum: reduction(0, (sum, x) => sum + x),
  prod: (node, inputs) =>
    reduction(1, floats.includes(inputs[0]!.dtype) ? (product, x) => product * x : Math.imul)(node, inputs),
  max: reduction(Number.NEGATIVE_INFINITY, Math.max),
  min: reduction(Number.POSITIVE_INFINITY, Math.min),
  argmax: pick((x, best) => x > best),
  argmin: pick((x, best) => x < best),
  softmax: ({ attrs: { axis } }, [x]) => [logSoftmax(x!, axis).map(Math.exp)],
  logSoftmax: ({ attrs: { axis } }, [x]) => [logSoftmax(x!, axis)],
  softmaxGrad,
  crossEntropy,
  crossEntropyGrad,
  squaredNorm: overAll((x) => x * x),
  nonFinite: overAll((x) => Number(!Number.isFinite(x))),
};

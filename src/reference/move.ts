import { sizeOf } from "../graph/shape.ts";
import { eachElement, elements, generate, type Kernel, positions } from "./value.ts";

/*
 * Ops that move elements, each by its definition: where does each element of the result come from?
 */

const same: Kernel = (_, [x]) => [x!.data.slice()];

const expand: Kernel = ({ attrs: { shape } }, [x]) => {
  const from = elements(x!);
  const lead = shape.length - x!.shape.length;
  return [generate(shape, (at) => from(x!.shape.map((n, axis) => (n === 1 ? 0 : at[lead + axis]!))))];
};

const permute: Kernel = ({ attrs: { axes }, results: [y] }, [x]) => {
  const from = elements(x!);
  return [generate(y!.shape, (at) => from(at.map((_, axis) => at[axes.indexOf(axis)]!)))];
};

const slice: Kernel = ({ attrs: { starts, sizes, steps } }, [x]) => {
  const from = elements(x!);
  return [generate(sizes, (at) => from(at.map((i, axis) => starts[axis] + i * steps[axis])))];
};

const pad: Kernel = ({ attrs: { low, interior, value }, results: [y] }, [x]) => {
  const data = new Float64Array(sizeOf(y!.shape)).fill(value);
  const to = positions(y!.shape);
  eachElement(x!.shape, (at, position) => {
    data[to(at.map((i, axis) => low[axis] + i * (interior[axis] + 1)))] = x!.data[position]!;
  });
  return [data];
};

const concat: Kernel = ({ attrs: { axis }, results: [y] }, inputs) => {
  const data = new Float64Array(sizeOf(y!.shape));
  const to = positions(y!.shape);
  let start = 0;
  for (const input of inputs) {
    const shift = start;
    eachElement(input.shape, (at, position) => {
      data[to(at.with(axis, at[axis]! + shift))] = input.data[position]!;
    });
    start += input.shape[axis]!;
  }
  return [data];
};

/** An index outside the axis is clamped, as in the kernel. */
const gather: Kernel = ({ attrs: { axis } }, [x, index]) => {
  const from = elements(x!);
  const last = x!.shape[axis]! - 1;
  return [generate(index!.shape, (at, i) => from(at.with(axis, Math.min(Math.max(index!.data[i]!, 0), last))))];
};

/** An index outside the axis adds nothing. */
const scatterAdd: Kernel = ({ attrs: { axis } }, [x, index, source]) => {
  const data = x!.data.slice();
  const [to, added] = [positions(x!.shape), elements(source!)];
  eachElement(index!.shape, (at, i) => {
    const target = index!.data[i]!;
    if (target >= 0 && target < x!.shape[axis]!) data[to(at.with(axis, target))]! += added(at);
  });
  return [data];
};

const embedding: Kernel = (_, [weight, index]) => {
  const [rows, size] = weight!.shape as [number, number];
  const row = (n: number): number => Math.min(Math.max(index!.data[n]!, 0), rows - 1);
  return [generate([index!.data.length, size], ([n, column]) => weight!.data[row(n!) * size + column!]!)];
};

const embeddingGrad: Kernel = ({ attrs: { rows, padding } }, [dy, index]) => {
  const size = dy!.shape[1]!;
  const data = new Float64Array(rows * size);
  eachElement(dy!.shape, ([n, column], position) => {
    const row = index!.data[n!]!;
    if (row >= 0 && row < rows && row !== padding) data[row * size + column!]! += dy!.data[position]!;
  });
  return [data];
};

const cumsum: Kernel = ({ attrs: { axis } }, [x]) => {
  const data = x!.data.slice();
  const to = positions(x!.shape);
  eachElement(x!.shape, (at, i) => {
    if (at[axis] !== 0) data[i]! += data[to(at.with(axis, at[axis]! - 1))]!;
  });
  return [data];
};

const cumprod: Kernel = ({ attrs: { axis } }, [x]) => {
  const data = x!.data.slice();
  const to = positions(x!.shape);
  eachElement(x!.shape, (at, i) => {
    if (at[axis] !== 0) data[i]! *= data[to(at.with(axis, at[axis]! - 1))]!;
  });
  return [data];
};

/** Of each line, the positions of its elements in their order; equal ones keep theirs, and NaN is the largest. */
const argsort: Kernel = ({ attrs: { axis, kept, descending }, results: [y] }, [x]) => {
  const data = new Float64Array(sizeOf(y!.shape));
  const from = elements(x!);
  const to = positions(y!.shape);
  const key = (value: number) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value);
  eachElement(x!.shape.with(axis, 1), (at) => {
    const line = Array.from({ length: x!.shape[axis]! }, (_, t) => ({ t, value: from(at.with(axis, t)) }));
    const before = (a: number, b: number) => Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || key(a) - key(b) || 0;
    line.sort((a, b) => (descending ? before(b.value, a.value) : before(a.value, b.value)) || a.t - b.t);
    line.slice(0, kept).forEach(({ t }, i) => {
      data[to(at.with(axis, i))] = t;
    });
  });
  return [data];
};

export const moves: Readonly<Record<string, Kernel>> = {
  reshape: same,
  detach: same,
  evaluated: same,
  expand,
  permute,
  slice,
  part: slice,
  pad,
  concat,
  gather,
  scatterAdd,
  embedding,
  embeddingGrad,
  cumsum,
  cumprod,
  argsort,
  reorder: gather,
};

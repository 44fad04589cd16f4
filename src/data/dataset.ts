import { checkList, checkNumbers, checkObject, counted, DTypeError, ShapeError, show } from "../errors.ts";

/** The typed arrays that data may come in. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** Row-major values of n samples; `shape` is [n, …sizes of one sample]. */
export interface DataArray {
  readonly data: TypedArray;
  readonly shape: readonly number[];
}

/** Named arrays with the same n samples: `{ x: { data, shape: [n, 1, 28, 28] }, y: { data, shape: [n] } }`. */
export type Dataset = Readonly<Record<string, DataArray>>;

/** The values of some samples, for each array of a dataset, under the same names. */
export type Rows<D extends Dataset> = { [K in keyof D]: D[K]["data"] };

/**
 * The number of samples of a dataset. Checks the dataset first.
 *
 * @throws ShapeError if there is no array, no sample, a shape that does not fit its data, or arrays that differ in n.
 */
export function datasetSize(dataset: Dataset): number {
  let first: string | undefined;
  let n = 0;
  checkObject("dataset", "it", dataset, "{ x: { data, shape }, … }");
  for (const [name, array] of Object.entries(dataset)) {
    const { data, shape } = checkArray(`dataset "${name}"`, array);
    if (!ArrayBuffer.isView(data))
      throw new DTypeError(`dataset "${name}": data is ${show(data)}, expected a typed array, such as a Float32Array`);
    const count = shape.reduce((product, size) => product * size, 1);
    if (shape.length === 0 || shape.some((size) => !Number.isInteger(size) || size < 0) || count !== data.length) {
      throw new ShapeError(
        `dataset "${name}": shape [${shape.join(", ")}] does not fit its ${counted(data.length, "value")}; ` +
          "expected [n, …sizes of one sample]",
      );
    }
    const samples = shape[0]!;
    if (first === undefined) {
      first = name;
      n = samples;
    } else if (samples !== n) {
      throw new ShapeError(
        `dataset: "${first}" has ${counted(n, "sample")} and "${name}" has ${samples}; expected the same number`,
      );
    }
  }
  if (first === undefined) throw new ShapeError("dataset: has no arrays; expected at least one, such as { x, y }");
  if (n === 0) throw new ShapeError(`dataset "${first}": has no samples`);
  return n;
}

/**
 * The samples `indices` of every array of a dataset, in that order. A sample may appear more than once.
 *
 * @returns arrays of the dataset's element types in new memory.
 * @throws ShapeError for an invalid dataset or an index outside 0 … n−1.
 */
export function takeRows<D extends Dataset>(dataset: D, indices: ArrayLike<number>): Rows<D> {
  const n = datasetSize(dataset);
  checkNumbers("takeRows", "indices", indices);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!Number.isInteger(index) || index < 0 || index >= n) {
      throw new ShapeError(`takeRows: indices[${i}] is ${show(index)}, expected an integer from 0 to ${n - 1}`);
    }
  }
  return copyRows(dataset, n, indices);
}

/** `takeRows` after the checks. */
export function copyRows<D extends Dataset>(dataset: D, n: number, indices: ArrayLike<number>): Rows<D> {
  const rows = Object.entries(dataset).map(([name, { data }]) => [name, copy(name, data, data.length / n, indices)]);
  return Object.fromEntries(rows) as Rows<D>;
}

function copy(name: string, data: TypedArray, rowSize: number, indices: ArrayLike<number>): TypedArray {
  const out = allocate(name, data, indices.length * rowSize);
  // Number and bigint arrays copy alike; one static type avoids a second pair of loops.
  const source = data as Float64Array;
  const target = out as Float64Array;
  if (rowSize <= 16) {
    let to = 0;
    for (let i = 0; i < indices.length; i++) {
      const from = indices[i]! * rowSize;
      for (let k = 0; k < rowSize; k++) target[to++] = source[from + k]!;
    }
  } else {
    for (let i = 0; i < indices.length; i++) {
      const from = indices[i]! * rowSize;
      target.set(source.subarray(from, from + rowSize), i * rowSize);
    }
  }
  return out;
}

/**
 * A new array of the same element type. By tag, not by constructor, since Node's Buffer is a Uint8Array that behaves
 * differently.
 */
function allocate(name: string, data: TypedArray, length: number): TypedArray {
  const TypedArrayOf = (globalThis as Record<string, unknown>)[data[Symbol.toStringTag]];
  if (typeof TypedArrayOf !== "function") {
    throw new DTypeError(`dataset "${name}": expected a typed array, such as a Float32Array`);
  }
  return Reflect.construct(TypedArrayOf, [length]) as TypedArray;
}

/** Refuses anything but an object with data and shape. */
export function checkArray<A extends { readonly data: ArrayLike<unknown>; readonly shape: readonly number[] }>(
  op: string,
  array: A,
): A {
  checkObject(op, "it", array, "{ data, shape }");
  checkNumbers(op, "data", array.data as ArrayLike<number>);
  checkList(op, "shape", array.shape);
  return array;
}

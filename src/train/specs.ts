import type { DataArray, TypedArray } from "../data/dataset.ts";
import { checkWhole, DTypeError, ShapeError, show } from "../errors.ts";
import { arrayClass } from "../graph/host.ts";
import { checkDType, type DType, type Shape, showShape, sizeOf } from "../graph/shape.ts";

/** One sample of an array: its shape without the batch axis, and the dtype that the model gets. */
export interface SampleSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** The samples of each array, by name. */
export type Specs = Readonly<Record<string, SampleSpec>>;

/** A sample as users state it: its shape, or its shape and dtype. */
export type SampleShape = Shape | { readonly shape: Shape; readonly dtype?: DType };

/** The array that gives each sample its weight in loss and metrics. It is never an input of the model. */
export const weightName = "sampleWeight";

/** The dtype of a typed array's values in the model: f32 for floats, i32 for whole numbers. @param value for errors. */
function dtypeOf(op: string, name: string, data: unknown, value: unknown): DType {
  const kind = arrayClass(data);
  if (kind === "Float32Array" || kind === "Float64Array") return "f32";
  if (kind !== undefined && /^(Int|Uint)\d+(Clamped)?Array$/.test(kind)) return "i32";
  throw new DTypeError(
    `${op}: "${name}" is ${show(data ?? value)}, expected numbers in a typed array of 8 to 32 bits, or of floats, or { data, shape: [n, …] } with one`,
  );
}

/** Checks the shapes that a user states. */
export function specsOf(op: string, shapes: Readonly<Record<string, SampleShape>>): Specs {
  const entries = Object.entries(shapes).map(([name, given]): [string, SampleSpec] => {
    const { shape, dtype = "f32" } = Array.isArray(given)
      ? { shape: given as Shape }
      : (given as { shape: Shape; dtype?: DType });
    if (!Array.isArray(shape))
      throw new ShapeError(
        `${op}: shapes: "${name}" is ${show(given)}, expected the sizes of one sample, such as [28, 28]`,
      );
    for (const size of shape) checkWhole(op, `a size of "${name}"`, size);
    checkDType(op, dtype);
    return [name, { shape, dtype }];
  });
  return Object.fromEntries(entries);
}

/** Values of some samples. */
export interface Chunk {
  readonly data: ArrayLike<number>;
  /** Number of samples. */
  readonly rows: number;
}

/** An array as `DataArray`, or its data alone. */
export type ArrayData = DataArray | TypedArray;

/**
 * The samples of an array, and what one of them is.
 * @param known the spec of a sample, where it is known. Data without a shape is cut into samples by it; else each value
 * is a sample.
 */
export function chunkOf(
  op: string,
  name: string,
  value: unknown,
  known: SampleSpec | undefined,
): Chunk & { readonly spec: SampleSpec } {
  if (typeof value === "number") return { data: [value], rows: 1, spec: known ?? { shape: [], dtype: "f32" } };
  const { data, shape } = (arrayClass(value) ? { data: value } : Object(value)) as { data?: TypedArray; shape?: Shape };
  const spec = known ?? { shape: Array.isArray(shape) ? shape.slice(1) : [], dtype: dtypeOf(op, name, data, value) };
  dtypeOf(op, name, data, value);
  const size = sizeOf(spec.shape);
  const rows = data!.length / size;
  const given = shape ?? [rows, ...spec.shape];
  const fits =
    Array.isArray(given) &&
    given.length === spec.shape.length + 1 &&
    given[0] === rows &&
    spec.shape.every((n, i) => n === given[i + 1]);
  if (fits && Number.isInteger(rows)) return { data: data as ArrayLike<number>, rows, spec };
  const found = shape ? `has shape ${showShape(shape)} and ${data!.length} values` : `has ${data!.length} values`;
  throw new ShapeError(`${op}: "${name}" ${found}, expected ${showShape(["n" as unknown as number, ...spec.shape])}`);
}

/** The largest f32: greater numbers become infinite in the model. */
const largest = 3.4028234663852886e38;

/**
 * Where data holds NaN, or a number that f32 cannot hold, but for −∞, which masks contain; −1 if nowhere. One such value
 * can make every weight NaN while the loss stays finite, since `relu` may turn NaN into 0.
 */
export function unfitValue(data: ArrayLike<number>): number {
  if (/int/i.test(arrayClass(data) ?? "")) return -1;
  for (let i = 0; i < data.length; i++) if (!(data[i]! <= largest)) return i;
  return -1;
}

/** Whether two samples agree in shape and dtype. */
export const sameSpec = (a: SampleSpec, b: SampleSpec): boolean =>
  a.dtype === b.dtype && showShape(a.shape) === showShape(b.shape);

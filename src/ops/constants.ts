import { AttributeError, DTypeError, ShapeError, withArticle } from "../errors.ts";
import { arrayClass, unusable } from "../graph/host.ts";
import type { Op } from "../graph/op.ts";
import { type DType, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import {
  apply,
  arrayOf,
  type DTypeOf,
  type FirstValues,
  type Tensor,
  type TensorData,
  Variable,
} from "../graph/tensor.ts";

const fullOp: Op = {
  name: "full",
  source: "constant",
  infer(_, { shape, value, dtype }) {
    if (!Number.isFinite(Math.fround(value))) {
      throw new AttributeError(
        `full: value is ${value}, expected a finite number that f32 holds: WGSL writes no others`,
      );
    }
    if (dtype !== "f32" && dtype !== "f16" && !Number.isInteger(value)) {
      throw new AttributeError(`full: value is ${value}, expected a whole number for ${dtype}`);
    }
    return [{ shape, dtype }];
  },
};

/** A tensor of one repeated value. It costs no memory: kernels carry the number in their text. */
export const full = <D extends DType = "f32">(shape: Shape, value: number, dtype = "f32" as D): Tensor<D> =>
  apply(fullOp, [], { shape: [...shape], value, dtype });

export const zerosLike = <D extends DType>(tensor: Tensor<D>): Tensor<D> => full(tensor.shape, 0, tensor.dtype);
export const onesLike = <D extends DType>(tensor: Tensor<D>): Tensor<D> => full(tensor.shape, 1, tensor.dtype);

/** The number that a tensor repeats, where it is a `full`. */
export const fullValue = (tensor: Tensor): number | undefined =>
  tensor.node.op === fullOp ? (tensor.node.attrs["value"] as number) : undefined;

const constantOp: Op = {
  name: "constant",
  source: "constant",
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  describe: ({ attrs }) => `{${attrs["name"] ?? "data"}}`,
};

/** Values fixed when the program is compiled, row-major. They are uploaded once. @param dtype default that of the data. */
export function constant<A extends TensorData, D extends DType = DTypeOf<A>>(
  data: A,
  shape: Shape,
  name?: string,
  dtype = dtypeOf(data) as D,
): Tensor<D> {
  checkData("constant", data, shape, dtype);
  return apply(constantOp, [], { shape: [...shape], dtype, data, name });
}

const inputOp: Op = {
  name: "input",
  source: "input",
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  describe: ({ attrs }) => `"${attrs["name"]}"`,
};

/**
 * A value that each `run` is given under this name.
 * @param shape fixed: another batch size is another program over the same variables.
 * @param dtype default f32; labels are i32. An f16 input is fed a Float32Array, and rounded on its way in.
 */
export const input = <D extends DType = "f32">(name: string, shape: Shape, dtype = "f32" as D): Tensor<D> =>
  apply(inputOp, [], { name, shape: [...shape], dtype });

/**
 * A tensor with a home: its value stays on the GPU from run to run and is changed by updates alone.
 * @param data initial value, row-major, which is copied; or one number for all elements; or numbers drawn by `nn.init`. An array gives
 * the dtype, else it is f32 by default.
 * @param name under which it is saved; default "variable".
 * @param group variables of one group lie side by side in memory; default "parameters".
 * @param dtype default that of the data; f16 takes a Float32Array.
 */
export function variable<A extends FirstValues, D extends DType = DTypeOf<A>>(
  data: A,
  shape: Shape,
  {
    name = "variable",
    group = "parameters",
    dtype = dtypeOf(data) as D,
    restarts = false,
  }: { name?: string; group?: string; dtype?: D; restarts?: boolean } = {},
): Variable<D> {
  checkData(`variable "${name}"`, data, shape, dtype);
  const first = arrayClass(data) ? new arrayOf[dtype as DType](data as TensorData) : data;
  return new Variable<D>(name, { shape: [...shape], dtype }, first, group, restarts);
}

const dtypeOf = (data: FirstValues): DType =>
  (Object.keys(arrayOf) as DType[]).find((dtype) => arrayOf[dtype].name === arrayClass(data)) ?? "f32";

function checkData(what: string, data: FirstValues, shape: Shape, dtype: DType): void {
  if (typeof data === "number") return;
  const kind = arrayClass(data);
  if (!kind && "drawing" in data) {
    if (dtype !== "f32" && dtype !== "f16") throw new DTypeError(`${what}: drawn numbers are f32, expected ${dtype}`);
  } else if (!Object.values(arrayOf).some(({ name }) => name === kind)) {
    throw new DTypeError(`${what}: data is not a Float32Array, Int32Array or Uint32Array`);
  } else if (arrayOf[dtype].name !== kind) {
    throw new DTypeError(`${what}: ${withArticle(kind!)} does not hold ${dtype}`);
  } else {
    const fault = unusable((data as TensorData).buffer);
    if (fault) throw new DTypeError(`${what}: data ${fault}`);
  }
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(`${what}: ${data.length} values given for shape ${showShape(shape)} of ${sizeOf(shape)}`);
  }
}

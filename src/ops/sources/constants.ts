import { counted, DTypeError, optionsOf, refuse, ShapeError, show, withArticle } from "../../errors.ts";
import { arrayClass, unusable } from "../../graph/host.ts";
import { checkDType, checkShape, checkValue, type DType, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import {
  apply,
  arrayOf,
  checkTensors,
  type DTypeOf,
  type FirstValues,
  type Op,
  type Tensor,
  type TensorData,
  Variable,
} from "../../graph/tensor.ts";

const fullOp: Op = {
  name: "full",
  source: "constant",
  infer(_, { shape, value, dtype }) {
    checkDType("full", dtype);
    checkValue("full", "value", value, dtype);
    return [{ shape, dtype }];
  },
};

/** A tensor filled with one value, by default f32. It takes no memory: kernels contain the number as a literal. */
export const full = <D extends DType = "f32">(shape: Shape, value: number, dtype = "f32" as D): Tensor<D> =>
  apply(fullOp, [], { shape: [...checkShape("full", shape)], value, dtype });

const like = <D extends DType>(op: string, tensor: Tensor<D>, value: number): Tensor<D> => {
  checkTensors(op, tensor);
  return full(tensor.shape, value, tensor.dtype);
};
/** Zeros of a tensor's shape and dtype. No gradient flows to the tensor. */
export const zerosLike = <D extends DType>(tensor: Tensor<D>): Tensor<D> => like("zerosLike", tensor, 0);
/** Ones of a tensor's shape and dtype. No gradient flows to the tensor. */
export const onesLike = <D extends DType>(tensor: Tensor<D>): Tensor<D> => like("onesLike", tensor, 1);

const constantOp: Op = {
  name: "constant",
  source: "constant",
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  describe: ({ attrs }) => `{${attrs["name"] ?? "data"}}`,
};

/** Values fixed at compile time, row-major. They are uploaded once. @param dtype default: the dtype of the data. */
export function constant<A extends TensorData, D extends DType = DTypeOf<A>>(
  data: A,
  shape: Shape,
  name?: string,
  dtype = dtypeOf(data) as D,
): Tensor<D> {
  if (name !== undefined && typeof name !== "string") refuse("constant", "name", name, "a string");
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
 * A value given to each `run` under this name.
 * @param shape fixed; for another batch size, compile another program over the same variables.
 * @param dtype default f32; labels are i32. An f16 input takes a Float32Array, which is rounded.
 */
export function input<D extends DType = "f32">(name: string, shape: Shape, dtype = "f32" as D): Tensor<D> {
  if (typeof name !== "string") refuse("input", "name", name, "a string");
  return apply(inputOp, [], { name, shape: [...checkShape("input", shape)], dtype });
}

/**
 * A tensor whose value stays on the GPU between runs; only updates change it.
 * @param data initial value: a row-major array, which is copied; one number for all elements; or random numbers from
 * `nn.init`. The dtype is that of the array, and f32 otherwise.
 * @param name name in checkpoints; default "variable".
 * @param group variables of one group are neighbours in memory; default "parameters".
 * @param dtype default: the dtype of the data; f16 takes a Float32Array.
 */
export function variable<A extends FirstValues, D extends DType = DTypeOf<A>>(
  data: A,
  shape: Shape,
  options: { name?: string; group?: string; dtype?: D; restarts?: boolean } = {},
): Variable<D> {
  type Options = { name?: string; group?: string; dtype?: DType; restarts?: boolean };
  const { name, group, dtype, restarts } = optionsOf("variable", options as Options, {
    name: "variable",
    group: "parameters",
    dtype: dtypeOf(data),
    restarts: false,
  });
  checkData(`variable "${name}"`, data, shape, dtype);
  const first = arrayClass(data) ? new arrayOf[dtype as DType](data as TensorData) : data;
  return new Variable<D>(name, { shape: [...shape], dtype: dtype as D }, first, group, restarts);
}

const dtypeOf = (data: FirstValues): DType =>
  (Object.keys(arrayOf) as DType[]).find((dtype) => arrayOf[dtype].name === arrayClass(data)) ?? "f32";

function checkData(what: string, data: FirstValues, shape: Shape, dtype: DType): void {
  checkShape(what, shape);
  checkDType(what, dtype);
  if (typeof data === "number") {
    checkValue(what, "the value", data, dtype);
    return;
  }
  const kind = arrayClass(data);
  if (!kind && Object(data) === data && "drawing" in (data as object)) {
    if (dtype !== "f32" && dtype !== "f16") throw new DTypeError(`${what}: drawn numbers are f32, expected ${dtype}`);
  } else if (!Object.values(arrayOf).some(({ name }) => name === kind)) {
    throw new DTypeError(`${what}: data is ${show(data)}, expected a Float32Array, Int32Array or Uint32Array`);
  } else if (arrayOf[dtype].name !== kind) {
    throw new DTypeError(`${what}: ${withArticle(kind!)} does not hold ${dtype}`);
  } else {
    const fault = unusable((data as TensorData).buffer);
    if (fault) throw new DTypeError(`${what}: data ${fault}`);
  }
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(
      `${what}: ${counted(data.length, "value")} given for shape ${showShape(shape)} of ${sizeOf(shape)}`,
    );
  }
}

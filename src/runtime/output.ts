import { ShapeError } from "../errors.ts";
import { unpackHalves } from "../graph/half.ts";
import { type DType, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData } from "../graph/tensor.ts";

/** A result of a program. Its value stays on the GPU until you read it. */
export class Output<D extends DType = DType> {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: D;
  readonly #read: () => Promise<TensorData<D>>;

  constructor(name: string, shape: Shape, dtype: D, read: () => Promise<TensorData<D>>) {
    this.name = name;
    this.shape = shape;
    this.dtype = dtype;
    this.#read = read;
  }

  /**
   * The elements after the last submitted run, row-major. Does not delay later runs.
   * @returns the typed array of its dtype: a Float32Array for f32 and f16.
   * @throws DeviceError when the device is lost in the meantime.
   */
  data(): Promise<TensorData<D>> {
    return this.#read();
  }

  /**
   * The value of a one-element output.
   * @throws ShapeError when it has more elements.
   */
  async scalar(): Promise<number> {
    if (sizeOf(this.shape) !== 1) {
      throw new ShapeError(`outputs.${this.name}.scalar: the output is ${showShape(this.shape)}, expected one element`);
    }
    return ((await this.#read()) as TensorData)[0]!;
  }
}

/** Bytes as the typed array of a dtype; halves become f32. */
export function typed<D extends DType>(bytes: ArrayBuffer, dtype: D): TensorData<D> {
  const data: TensorData = dtype === "f16" ? unpackHalves(new Uint16Array(bytes)) : new arrayOf[dtype as DType](bytes);
  return data as TensorData<D>;
}

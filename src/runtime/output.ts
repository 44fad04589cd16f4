import { ShapeError } from "../errors.ts";
import { unpackHalves } from "../graph/half.ts";
import { type DType, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData } from "../graph/tensor.ts";

/** A result of a program. Its value stays on the GPU until it is asked for. */
export class Output {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly #read: () => Promise<TensorData>;

  constructor(name: string, shape: Shape, dtype: DType, read: () => Promise<TensorData>) {
    this.name = name;
    this.shape = shape;
    this.dtype = dtype;
    this.#read = read;
  }

  /**
   * The elements after the run submitted last, row-major. Runs submitted later are not held up.
   * @throws DeviceError when the device is lost meanwhile.
   */
  data(): Promise<TensorData> {
    return this.#read();
  }

  /**
   * The single element of a one-element output.
   * @throws ShapeError when there are several.
   */
  async scalar(): Promise<number> {
    if (sizeOf(this.shape) !== 1) {
      throw new ShapeError(
        `outputs.${this.name}.scalar: the output is ${showShape(this.shape)}, expected a single element`,
      );
    }
    return (await this.#read())[0]!;
  }
}

/** Bytes as the typed array of a dtype; halves become f32. */
export function typed(bytes: ArrayBuffer, dtype: DType): TensorData {
  return dtype === "f16" ? unpackHalves(new Uint16Array(bytes)) : new arrayOf[dtype](bytes);
}

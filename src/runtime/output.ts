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
  readonly #place: () => Required<GPUBufferBinding>;

  constructor(
    name: string,
    shape: Shape,
    dtype: D,
    read: () => Promise<TensorData<D>>,
    place: () => Required<GPUBufferBinding>,
  ) {
    this.name = name;
    this.shape = shape;
    this.dtype = dtype;
    this.#read = read;
    this.#place = place;
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
   * Where the output is on the GPU, for the app's own commands on the same device. Every run of the program writes its
   * result to this place. It is valid until the program or the engine is destroyed.
   *
   * The buffer's usage is STORAGE, COPY_SRC and COPY_DST. Bind it as read-only storage (in vertex and fragment shaders
   * too), copy from it, or feed it to a program. Where the engine computes with WebAssembly, feed it only. Do not write to it: other values may share the buffer.
   * @returns a resource for `createBindGroup`: `offset` is a multiple of 256, `size` is the elements' bytes, rounded up
   * to a multiple of 4. Elements are row-major and packed; an f16 takes two bytes.
   * @throws DeviceError when the program or engine has been destroyed, or the device is lost.
   */
  buffer(): Required<GPUBufferBinding> {
    return this.#place();
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

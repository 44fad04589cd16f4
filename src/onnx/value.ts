import { DTypeError, FormatError, ShapeError } from "../errors.ts";
import { type Shape, showShape, sizeOf } from "../graph/shape.ts";
import type { Tensor, TensorData } from "../graph/tensor.ts";
import { constant, full } from "../ops/index.ts";
import { type ElementType, elements, type HostArray } from "./elements.ts";

/*
 * What flows along the edges of a graph while it is imported. A value is *known* if its numbers are on the host: shapes,
 * axes, pads. Ops of known values are computed at once; others become nodes. Empty tensors, which tilegrad lacks, are
 * known.
 */
export class Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  readonly #numbers: (() => HostArray) | undefined;
  readonly #make: (() => Tensor) | undefined;
  #host: HostArray | undefined;
  #tensor: Tensor | undefined;
  /** Whether ops of it are computed at once. */
  readonly isKnown: boolean;
  /** The tensors of a sequence; undefined for a tensor. */
  readonly items: readonly Value[] | undefined;

  private constructor(
    name: string,
    type: ElementType,
    shape: Shape,
    isKnown: boolean,
    numbers: (() => HostArray) | undefined,
    make: (() => Tensor) | undefined,
    items?: readonly Value[],
  ) {
    this.name = name;
    this.type = type;
    this.shape = shape;
    this.isKnown = isKnown;
    this.#numbers = numbers;
    this.#make = make;
    this.items = items;
  }

  /** A value that a program computes. */
  static of(name: string, type: ElementType, tensor: Tensor): Value {
    return new Value(name, type, tensor.shape, false, undefined, () => tensor);
  }

  /** A value on the host. */
  static known(name: string, type: ElementType, shape: Shape, data: HostArray | readonly number[]): Value {
    return new Value(name, type, shape, true, () => hostArray(type, data), undefined);
  }

  /** A value that repeats one number: it takes no memory until somebody asks for all of them. */
  static filled(name: string, type: ElementType, shape: Shape, value: number): Value {
    const size = sizeOf(shape);
    const numbers = (): HostArray => {
      if (size > most) throw new FormatError(`"${name}" ${showShape(shape)} is too large to be known now`);
      return new elements[type].array(size).fill(value);
    };
    const make = size > 0 ? () => full(shape, narrowed(name, type, [value])[0]!, elements[type].dtype) : undefined;
    return new Value(name, type, shape, size <= 4096, numbers, make);
  }

  /** A weight: a variable once a node computes with it. An op that must know its numbers may ask for them. */
  static weight(name: string, type: ElementType, shape: Shape, numbers: () => HostArray, make: () => Tensor): Value {
    return new Value(name, type, shape, false, numbers, make);
  }

  /** A list of tensors. It is one value in the file, and as many tensors as it has here. */
  static sequence(name: string, items: readonly Value[]): Value {
    return new Value(name, items[0]?.type ?? "float32", [], false, undefined, undefined, items);
  }

  get rank(): number {
    return this.shape.length;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Its numbers; undefined where a program computes them. */
  get host(): HostArray | undefined {
    this.#host ??= this.#numbers?.();
    return this.#host;
  }

  /** It as a tensor. @throws ShapeError for an empty one. */
  get tensor(): Tensor {
    if (this.items) throw new FormatError(`"${this.name}" is a sequence, expected a tensor`);
    this.#tensor ??= this.#make ? this.#make() : this.#constant();
    return this.#tensor;
  }

  #constant(): Tensor {
    if (this.size === 0) throw new ShapeError(`"${this.name}" is empty, ${showShape(this.shape)}`);
    const { dtype } = elements[this.type];
    const data = narrowed(this.name, this.type, this.host!);
    const [first] = data;
    // A number in a kernel's text is better than a buffer.
    if (data.every((value) => Object.is(value, first)) && Number.isFinite(first))
      return full(this.shape, first!, dtype);
    return constant(data, this.shape, this.name || undefined, dtype);
  }

  /** The same value under another name. */
  renamed(name: string): Value {
    return new Value(
      name,
      this.type,
      this.shape,
      this.isKnown,
      this.#numbers && (() => this.host!),
      () => this.tensor,
      this.items,
    );
  }
}

const hostArray = (type: ElementType, data: HostArray | readonly number[]): HostArray =>
  Array.isArray(data) ? Object.assign(new elements[type].array(data.length), [...data]) : (data as HostArray);

/** Most elements of a value that one number in a file makes. */
export const most = 2 ** 18;

/** Numbers from here on stand for infinity, as in the ends of slices. */
const sentinel = 2 ** 62;

/** Numbers as a tensor of 32 bits holds them. @throws DTypeError for integers that do not fit. */
function narrowed(name: string, type: ElementType, data: ArrayLike<number>): TensorData {
  const { dtype } = elements[type];
  if (dtype === "f32") return data instanceof Float32Array ? data : Float32Array.from(data);
  const [low, high] = dtype === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const into = dtype === "i32" ? new Int32Array(data.length) : new Uint32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if ((value < low || value > high) && Math.abs(value) < sentinel) {
      throw new DTypeError(`"${name}" (${type}) holds ${value}, which does not fit ${dtype}`);
    }
    into[i] = Math.min(Math.max(value, low), high);
  }
  return into;
}

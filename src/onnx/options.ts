import type { Shape } from "../graph/shape.ts";
import type { Tensor, Variable } from "../graph/tensor.ts";
import type { HostArray } from "./elements.ts";

/** A value for an input that is fixed while the graph is imported. */
export interface OnnxConstant {
  readonly data: ArrayLike<number>;
  /** Default: the shape in the file. */
  readonly shape?: Shape;
}

/** What of a file to import, and with which sizes. */
export interface OnnxOptions {
  /** Sizes of symbolic dimensions by name, such as `{ batch: 1 }`; default none. */
  readonly dims?: Readonly<Record<string, number>>;
  /**
   * By name: the shape of an input that has none, or another shape than in the file; or a tensor to use in its place,
   * such as one that a layer made. For a sequence, the shape of each of its tensors: they become inputs "name.0", …
   * Default none.
   */
  readonly inputs?: Readonly<Record<string, Shape | readonly Shape[] | Tensor>>;
  /** Inputs that are fixed now, since they decide shapes; default none. */
  readonly constants?: Readonly<Record<string, OnnxConstant | ArrayLike<number>>>;
  /** The outputs, or inner values, to compute; default all outputs of the graph. */
  readonly outputs?: readonly string[];
  /** Files beside the model that hold its weights, by the path that the model states; default none. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /**
   * Variables to use in place of new ones, by name: those of another import, so that graphs of several batch sizes share
   * their weights; default none.
   */
  readonly variables?: ReadonlyMap<string, Variable>;
  /** Seed of random numbers, as of dropout in training; default 0. */
  readonly seed?: number;
}

/** An imported graph. */
export interface OnnxGraph {
  /** Inputs that the outputs depend on and a program is fed, by name. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Results by name, for `engine.compile`. The tensors of a sequence are "name.0", "name.1", … */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Results that are known without a program, such as shapes, and those without elements. */
  readonly known: Readonly<Record<string, { readonly shape: Shape; readonly data: HostArray }>>;
  /** Weights by name, as `io.load` and optimizers take them. */
  readonly variables: Map<string, Variable>;
  /** Version of the operator set. */
  readonly opset: number;
  /** The program that wrote the file. */
  readonly producer: string;
  /** Texts that went along in the file, by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

import { type Shape, sizeOf } from "../../src/graph/shape.ts";
import type { Port } from "./lab.ts";

/** Something that a file leaves open: a size, or the whole shape of an input. */
export interface Hole {
  readonly key: string;
  readonly label: string;
  readonly kind: "size" | "shape";
  /** What the field shows at first. */
  readonly initial: string;
}

/** Numbers in an input at most: 512 MiB. */
const mostNumbers = 2 ** 27;

/** Equal names mean equal sizes; sizes without names are each for themselves. */
const keyOf = ({ name }: Port, dim: string, axis: number): string => (dim === "" ? `${axis} of ${name}` : dim);

/** What the visitor has to say of inputs, each thing once. The first axis is usually the batch, so it has one sample. */
export function holesOf(inputs: readonly Port[]): readonly Hole[] {
  const holes = inputs.flatMap((port): Hole[] => {
    const { name, dims } = port;
    if (!dims) return [{ key: `shape of ${name}`, label: `Shape of ${name}`, kind: "shape", initial: "" }];
    return dims.flatMap((dim, axis): Hole[] => {
      if (typeof dim === "number") return [];
      const label = dim === "" ? `Axis ${axis} of ${name}` : dim;
      return [{ key: keyOf(port, dim, axis), label, kind: "size", initial: axis === 0 ? "1" : "" }];
    });
  });
  return holes.filter(({ key }, i) => holes.findIndex((hole) => hole.key === key) === i);
}

/** Sizes in a text such as "1, 3, 224, 224"; undefined if it is none. */
export function parseShape(text: string): number[] | undefined {
  const parts = text.trim().split(/[\s,×]+/);
  return parts.every((part) => /^\d{1,9}$/.test(part) && Number(part) > 0) ? parts.map(Number) : undefined;
}

/** The shape of an input, if all that it leaves open has been said. @param values texts by the keys of holes. */
export function shapeOf(port: Port, values: ReadonlyMap<string, string>): Shape | undefined {
  const shape = port.dims
    ? port.dims.map((dim, axis) => {
        if (typeof dim === "number") return dim;
        const [size, ...more] = parseShape(values.get(keyOf(port, dim, axis)) ?? "") ?? [];
        return more.length === 0 ? size : undefined;
      })
    : parseShape(values.get(`shape of ${port.name}`) ?? "");
  if (!shape?.every((size) => size !== undefined)) return undefined;
  return sizeOf(shape) <= mostNumbers ? shape : undefined;
}

import type { Shape } from "../../graph/shape.ts";
import type { Node } from "../../graph/tensor.ts";
import type { Row, Target } from "./target.ts";

/** What stands for the end of an axis of any size. */
const farEnd = Number.MAX_SAFE_INTEGER;

/** A part of a value: `size` elements of each axis from `start` on, every `step`th. Axes that stay whole are left out. */
function cut(
  to: Target,
  name: string,
  shape: Shape,
  { starts, sizes, steps }: { starts: readonly number[]; sizes: readonly number[]; steps: readonly number[] },
): string {
  const axes = shape
    .map((_, axis) => axis)
    .filter((axis) => starts[axis] !== 0 || sizes[axis] !== shape[axis] || steps[axis] !== 1);
  if (axes.length === 0) return name;
  const ends = axes.map((axis) => {
    const [start, step] = [starts[axis]!, steps[axis]!];
    const last = start + (sizes[axis]! - 1) * step;
    if (step < 0) return last === 0 ? -farEnd : last - 1;
    return last + 1 === shape[axis] ? farEnd : last + 1;
  });
  // A negative step from the last element on.
  const from = axes.map((axis) => (steps[axis]! < 0 && starts[axis] === shape[axis]! - 1 ? farEnd : starts[axis]!));
  return to.emit("Slice", [
    name,
    to.ints(from),
    to.ints(ends),
    to.ints(axes),
    to.ints(axes.map((axis) => steps[axis]!)),
  ]);
}

/** Elements around a value; negative counts take elements away. */
export function padded(
  to: Target,
  name: string,
  low: readonly number[],
  high: readonly number[],
  value: string,
): string {
  return [...low, ...high].every((n) => n === 0) ? name : to.emit("Pad", [name, to.ints([...low, ...high]), value]);
}

/** Elements around and between others. Those between come from an axis of their own after each. */
function pad(to: Target, { inputs: [x], attrs: { low, high, interior, value } }: Node): string {
  const fill = to.number(value, x!.dtype);
  let name = to.value(x!);
  const shape = [...x!.shape];
  interior.forEach((between: number, axis: number) => {
    const size = shape[axis]!;
    if (between === 0 || size === 0) return;
    const apart = [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)];
    const at = (count: number) => apart.map((_, i) => (i === axis + 1 ? count : 0));
    const wide = padded(to, to.reshape(name, apart), at(0), at(between), fill);
    shape[axis] = size * (between + 1);
    const flat = to.reshape(wide, shape);
    const after = shape.map((_, i) => (i === axis ? -between : 0));
    name = padded(
      to,
      flat,
      shape.map(() => 0),
      after,
      fill,
    );
    shape[axis] = shape[axis]! - between;
  });
  return padded(to, name, low, high, fill);
}

/** ONNX adds to as many elements as the index has; the source may have more. */
const scatterAdd: Row = (to, { inputs: [x, index, source], attrs: { axis } }) => {
  const { shape } = index!;
  const met = cut(to, to.value(source!), source!.shape, {
    starts: shape.map(() => 0),
    sizes: shape,
    steps: shape.map(() => 1),
  });
  return to.emit("ScatterElements", [to.value(x!), to.value(index!), met], { axis, reduction: "add" });
};

export const moveRows: Readonly<Record<string, Row>> = {
  reshape: (to, { inputs: [x], results: [y] }) => to.reshape(to.value(x!), y!.shape),
  permute: (to, { inputs: [x], attrs }) => to.emit("Transpose", [to.value(x!)], { perm: attrs["axes"] }),
  slice: (to, { inputs: [x], attrs }) => cut(to, to.value(x!), x!.shape, attrs as never),
  pad,
  concat: (to, { inputs, attrs }) =>
    to.emit(
      "Concat",
      inputs.map((x) => to.value(x)),
      { axis: attrs["axis"] },
    ),
  gather: (to, { inputs: [x, index], attrs }) =>
    to.emit("GatherElements", [to.value(x!), to.value(index!)], { axis: attrs["axis"] }),
  scatterAdd,
};

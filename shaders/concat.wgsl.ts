import { bufferOf, readOf, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { plus, sizeOf, times, vec4Of } from "./lib/view.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/** Inputs joined along one axis. y is row-major. */
export interface Joining {
  readonly inputs: readonly View[];
  readonly y: View;
  readonly axis: number;
}

/** Consecutive elements that the result takes from an input: the product of the joined axis and those after it. */
const pieceOf = ({ shape }: View, axis: number): number => sizeOf(shape.slice(axis));

/** Whether these runs have lengths divisible by 4 for every input. */
export const joinsFours = ({ inputs, axis }: Joining): boolean => inputs.every((view) => pieceOf(view, axis) % 4 === 0);

/** An input: `NAME_piece(outer, p)` is element p of run `outer`, or vec4 p. */
function pieces(name: string, view: View, axis: number, width: 1 | 4): Part {
  const { vectors, load } = readOf(view, width);
  return {
    buffers: [bufferOf(name, view, "read", vectors ? 4 : 1)],
    accessors: {
      [`${name}_piece`]: (outer, p) => load(name, plus(times(outer!, pieceOf(view, axis) / width), p!)),
    },
  };
}

/**
 * Each invocation finds the input that its result comes from. Width 1 is the definition; width 4 copies four elements
 * at once.
 */
export function concat({ inputs, y, axis }: Joining, width: 1 | 4): Kernel {
  const sizes = inputs.map((view) => pieceOf(view, axis) / width);
  const starts = sizes.map((_, k) => sizes.slice(0, k).reduce((a, b) => a + b, 0));
  return kernel({
    workgroup: workgroupSize,
    parts: [...inputs.map((view, k) => pieces(`x${k}`, view, axis, width)), result("y", y, width)],
    constants: {
      COUNT: [sizeOf(y.shape) / width, width === 4 ? "vec4s in the result" : "results"],
      PIECE: [pieceOf(y, axis) / width, "of these per run of the result"],
    },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let outer = i / PIECE;
      let p = i % PIECE;
      var value = ${width === 4 ? vec4Of[y.dtype] : y.dtype}();
      ${each(inputs.length, (k) => {
        const copy = `{ value = x${k}_piece(outer, ${starts[k] === 0 ? "p" : `p - ${starts[k]!}u`}); }`;
        if (k === inputs.length - 1) return k === 0 ? copy : `else ${copy}`;
        return `${k === 0 ? "" : "else "}if (p < ${starts[k]! + sizes[k]!}u) ${copy}`;
      })}
      y_store(i, value);`,
  });
}

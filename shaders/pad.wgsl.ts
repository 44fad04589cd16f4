import { coordinateAt } from "./lib/along.ts";
import { array, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { plus, sizeOf, times, vec4Of } from "./lib/view.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/** x inside a larger tensor of `value`. y is row-major. */
export interface Padding {
  readonly x: View;
  readonly y: View;
  /** For each axis: positions before the first element of x, and between neighbours. */
  readonly low: readonly number[];
  readonly interior: readonly number[];
  readonly value: number;
}

/** The definition: one invocation per result. */
export const padNaive = (p: Padding): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("x", p.x), field(p, 1), result("y", p.y)],
    constants: { COUNT: [sizeOf(p.y.shape), "results"], VALUE: [`${p.y.dtype}(${p.value})`, "of the padding"] },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      find(i);
      if (is_element(c)) { y_store(i, x[x_at(c)]); } else { y_store(i, VALUE); }`,
  });

/** Four neighbouring results at once. The last axis must be divisible by 4. */
export const padVec4 = (p: Padding): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("x", p.x), field(p, 4), result("y", p.y, 4)],
    constants: {
      COUNT: [sizeOf(p.y.shape) / 4, "vec4s in the result"],
      VALUE: [`${p.y.dtype}(${p.value})`, "of the padding"],
    },
    functions: [
      wgsl`
        fn at(inside: bool, line: u32, c: u32) -> ${p.y.dtype} {
          if (!(is_element(c))) { return VALUE; }
          return x[x_at(c)];
        }`,
    ],
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      find(i);
      y_store(i, ${vec4Of[p.y.dtype]}(${each(4, (k) => `at(inside, line, ${plus("c", `${k}u`)})`).join(", ")}));`,
  });

/** An axis of the padded tensor: its size, and the `n` elements of x on it, starting at `low` and `step` apart. */
interface PaddedAxis {
  size: number;
  n: number;
  readonly low: number;
  readonly step: number;
  stride: number;
}

/**
 * Locates results in x. For result i, or the four from 4 · i, `find(i);` defines `inside`, whether they are inside x
 * along all axes but the last; `line`, where their line of x begins; and `c`, the first one's coordinate along the last
 * axis. `is_element(c)` is whether x has an element there, and `x_at(c)` is its index.
 */
function field(p: Padding, width: 1 | 4): Part {
  const axes = paddedAxes(p);
  const shape = axes.map(({ size }, k) => (k === axes.length - 1 ? size / width : size));
  const last = axes.pop()!;
  const others = axes.map((axis, k) => across(axis, `c${k}`));
  const along = (c: string) => across(last, c);
  return {
    accessors: {
      find: (i) => [
        ...axes.map((_, k) => `let c${k} = ${coordinateAt(shape, k, i!)};`),
        `let c = ${times(coordinateAt(shape, axes.length, i!), width)};`,
        `let inside = ${others.flatMap(({ inside }) => inside).join(" && ") || "true"};`,
        `let line = ${others.reduce((sum, { add }) => add(sum), `${p.x.offset}u`)};`,
      ],
      is_element: (c) => ["inside", ...along(c!).inside].join(" && "),
      x_at: (c) => along(c!).add("line"),
    },
  };
}

/** The axes of y. Neighbouring axes without padding are merged, except the last. */
function paddedAxes({ x, y, low, interior }: Padding): PaddedAxis[] {
  const axes: PaddedAxis[] = [];
  y.shape.forEach((size, k) => {
    const n = x.shape[k]!;
    const axis = { size, n, low: low[k]!, step: n > 1 ? interior[k]! + 1 : 1, stride: x.strides[k]! };
    const outer = axes[axes.length - 1];
    const arePlain = outer?.n === outer?.size && n === size && k < y.shape.length - 1;
    if (outer && arePlain && outer.stride === n * axis.stride) {
      outer.size *= size;
      outer.n *= size;
      outer.stride = axis.stride;
    } else {
      axes.push(axis);
    }
  });
  return axes;
}

/** Whether x has an element at coordinate `c` of an axis, and code that adds that element's position to an index. */
function across({ size, n, low, step, stride }: PaddedAxis, c: string) {
  // Positions before x wrap to huge numbers, so one comparison serves both ends.
  const from = low === 0 ? c : `(${c} - ${low}u)`;
  const inside = [
    ...(step > 1 ? [`${from} % ${step}u == 0u`] : []),
    ...((n - 1) * step + 1 < size ? [`${from} < ${(n - 1) * step + 1}u`] : []),
  ];
  const source = step > 1 ? `${from} / ${step}u` : from;
  const add = (sum: string) => (stride < 0 ? `${sum} - ${times(source, -stride)}` : plus(sum, times(source, stride)));
  return { inside, add };
}

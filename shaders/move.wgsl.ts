import { storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { narrowed, sumOf, widened } from "./lib/half.wgsl.ts";
import { elementAt, plus, type Scalar, times, type ViewParams, vec4Load, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/*
 * Kernels that put elements elsewhere: pad, concat, gather, scatterAdd, cumsum. One invocation per result element (per line in
 * cumsum), no workgroup memory.
 */

interface Buffer {
  readonly type: Scalar;
  readonly length: number;
}

/** `let c0 = …; let c1 = …;`: the coordinates of row-major position `i`. */
function coordinates(shape: readonly number[], i: string): string[] {
  let inner = 1;
  const lines: string[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const divided = inner === 1 ? i : `${i} / ${inner}u`;
    lines.unshift(`  let c${axis} = ${axis === 0 ? divided : `${divided} % ${shape[axis]!}u`};`);
    inner *= shape[axis]!;
  }
  return lines;
}

/** Sum of coordinate × stride, `offset` first. */
const dot = (names: readonly string[], strides: readonly number[], offset: number): string =>
  [
    `${offset}u`,
    ...names.flatMap((name, axis) => {
      const stride = strides[axis]!;
      return stride === 0 ? [] : [stride < 0 ? `0u - ${name} * ${-stride}u` : `${name} * ${stride}u`];
    }),
  ].join(" + ");

const main = (count: number, body: readonly string[]): string => wgsl`
const COUNT = ${count}u;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
${body}
}
`;

export interface PadParams {
  readonly shape: readonly number[];
  readonly low: readonly number[];
  readonly interior: readonly number[];
  readonly value: number;
  readonly input: Buffer & { readonly view: ViewParams };
  readonly output: Buffer;
  /** Neighbours that one invocation makes: four where the last axis has whole fours. */
  readonly width: 1 | 4;
  /** Invocations. */
  readonly count: number;
}

/** An axis of a padded field: its size, and the `n` elements on it, LOW behind the first position and STEP apart. */
interface PaddedAxis {
  size: number;
  n: number;
  readonly low: number;
  readonly step: number;
  stride: number;
}

/** The axes, neighbours that nothing is added to made one, but for the last. */
function paddedAxes({ shape, low, interior, input: { view } }: PadParams): PaddedAxis[] {
  const axes: PaddedAxis[] = [];
  shape.forEach((size, k) => {
    const n = view.shape[k]!;
    const axis = { size, n, low: low[k]!, step: n > 1 ? interior[k]! + 1 : 1, stride: view.strides[k]! };
    const outer = axes[axes.length - 1];
    const arePlain = outer?.n === outer?.size && n === size && k < shape.length - 1;
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

/** Where an element of the input stands at coordinate `c` of an axis, and which. */
function across({ size, n, low, step }: PaddedAxis, c: string) {
  // Positions before the input wrap to huge numbers, so one comparison serves both ends.
  const from = low === 0 ? c : `(${c} - ${low}u)`;
  const inside = [
    ...(step > 1 ? [`${from} % ${step}u == 0u`] : []),
    ...((n - 1) * step + 1 < size ? [`${from} < ${(n - 1) * step + 1}u`] : []),
  ];
  return { inside, source: step > 1 ? `(${from} / ${step}u)` : from };
}

const all = (conditions: readonly string[]): string => conditions.join(" && ") || "true";

/** Copies an input into a larger field of `value`: LOW before it on each axis, INTERIOR between neighbours. */
export function pad(p: PadParams): string {
  const { value, input, output, width, count } = p;
  const axes = paddedAxes(p);
  const last = axes.length - 1;
  const own = across(axes[last]!, "c");
  const others = axes.slice(0, -1).map((axis, k) => across(axis, `c${k}`));
  const element = (lane: number) => `at(inside, from_, ${plus(times(`c${last}`, width), `${lane}u`)})`;
  return wgsl`
${storage(0, "x", "read", input.type, input.length)}
${storage(1, "y", "read_write", output.type, output.length, width)}
fn at(inside: bool, from_: u32, c: u32) -> ${input.type} {
  if (!(${all(["inside", ...own.inside])})) { return ${input.type}(${value}); }
  return x[from_ + ${dot([own.source], [axes[last]!.stride], 0)}];
}
${main(count, [
  ...coordinates(
    axes.map(({ size }, axis) => (axis === last ? size / width : size)),
    "i",
  ),
  `  let inside = ${all(others.flatMap(({ inside }) => inside))};`,
  `  let from_ = ${dot(
    others.map(({ source }) => source),
    axes.map(({ stride }) => stride),
    input.view.offset,
  )};`,
  `  y[i] = ${width === 4 ? `${vec4Of[input.type]}(${[0, 1, 2, 3].map(element).join(", ")})` : element(0)};`,
])}`;
}

export interface ConcatParams {
  readonly type: Scalar;
  /** Elements behind the joined axis. */
  readonly inner: number;
  readonly inputs: readonly (Buffer & { readonly view: ViewParams; readonly along: number })[];
  readonly output: Buffer;
  /** What one invocation copies: four neighbours, where `joinsFours`. */
  readonly width: 1 | 4;
  /** Invocations. */
  readonly count: number;
}

/** Whether each piece of the result that comes from one input is a whole number of fours. */
export const joinsFours = ({ inner, inputs }: Pick<ConcatParams, "inner" | "inputs">): boolean =>
  inputs.every(({ along }) => (along * inner) % 4 === 0);

/** Sets inputs side by side along one axis. */
export function concat({ type, inner, inputs, output, width, count }: ConcatParams): string {
  const element = width === 4 ? vec4Of[type] : type;
  const reads = inputs.map(({ view }) =>
    width === 4
      ? vec4Load(view, type)
      : { vectors: false, load: (name: string, at: string) => `${name}[${elementAt(view, at)}]` },
  );
  let start = 0;
  const branches = inputs.map((input, k) => {
    const piece = (input.along * inner) / width;
    const at = `(${plus(times("outer", piece), start === 0 ? "p" : `p - ${start}u`)})`;
    start += piece;
    const head = k === inputs.length - 1 ? (k === 0 ? "" : " else") : `${k === 0 ? "  " : " else "}if (p < ${start}u)`;
    return `${head} { value = ${reads[k]!.load(`x${k}`, at)}; }`;
  });
  return wgsl`
${inputs.map(({ length }, k) => {
  const vectors = reads[k]!.vectors;
  return storage(k, `x${k}`, "read", vectors ? element : type, vectors ? length / 4 : length);
})}
${storage(inputs.length, "y", "read_write", element, output.length / width)}
${main(count, [
  `  let outer = i / ${start}u;`,
  `  let p = i % ${start}u;`,
  `  var value: ${element};`,
  branches.join(""),
  "  y[i] = value;",
])}`;
}

export interface GatherParams {
  readonly type: Scalar;
  /** Shape of the index and of the result. */
  readonly shape: readonly number[];
  readonly axis: number;
  readonly size: number;
  readonly input: Buffer & { readonly view: ViewParams };
  readonly index: Buffer & { readonly view: ViewParams };
  readonly output: Buffer;
  readonly count: number;
}

/** y[…, i, …] = x[…, index[…, i, …], …]; an index outside the axis is held at its ends. */
export function gather({ type, shape, axis, size, input, index, output, count }: GatherParams): string {
  const names = shape.map((_, k) => (k === axis ? "at" : `c${k}`));
  return wgsl`
${storage(0, "x", "read", type, input.length)}
${storage(1, "index", "read", "i32", index.length)}
${storage(2, "y", "read_write", type, output.length)}
${main(count, [
  ...coordinates(shape, "i"),
  `  let at = u32(clamp(index[${elementAt(index.view, "i")}], 0, ${size - 1}));`,
  `  y[i] = x[${dot(names, input.view.strides, input.view.offset)}];`,
])}`;
}

export interface ScatterParams {
  readonly type: Scalar;
  readonly shape: readonly number[];
  readonly axis: number;
  readonly input: Buffer & { readonly view: ViewParams };
  readonly index: Buffer & { readonly view: ViewParams };
  readonly source: Buffer & { readonly view: ViewParams };
  readonly output: Buffer;
  readonly count: number;
}

/**
 * y = x, and source[…, j, …] added where index[…, j, …] names the element. Each result element looks through the line of
 * indices for itself: no atomics, one order, the same bits every time.
 */
export function scatterAdd({ type, shape, axis, input, index, source, output, count }: ScatterParams): string {
  const names = shape.map((_, k) => (k === axis ? "j" : `c${k}`));
  const within = index.view.shape.flatMap((n, k) => (k !== axis && n < shape[k]! ? [`c${k} < ${n}u`] : []));
  return wgsl`
${storage(0, "x", "read", type, input.length)}
${storage(1, "index", "read", "i32", index.length)}
${storage(2, "source", "read", type, source.length)}
${storage(3, "y", "read_write", type, output.length)}
${main(count, [
  ...coordinates(shape, "i"),
  `  var acc = ${widened(type, `x[${elementAt(input.view, "i")}]`)};`,
  `  if (${within.join(" && ") || "true"}) {`,
  `    for (var j = 0u; j < ${index.view.shape[axis]!}u; j++) {`,
  `      if (index[${dot(names, index.view.strides, index.view.offset)}] == i32(c${axis})) {`,
  `        acc += ${widened(type, `source[${dot(names, source.view.strides, source.view.offset)}]`)};`,
  "      }",
  "    }",
  "  }",
  `  y[i] = ${narrowed(type, "acc")};`,
])}`;
}

export interface CumsumParams {
  readonly type: Scalar;
  /** Elements along and behind the axis. */
  readonly along: number;
  readonly inner: number;
  readonly input: Buffer & { readonly view: ViewParams };
  readonly output: Buffer;
  /** Lines: results over `along`. */
  readonly count: number;
}

/**
 * Running sums along an axis, one invocation per line. Blocks of 64 are summed by themselves, and 64 blocks, so that what is added is not
 * much smaller than what it is added to: of n terms the error grows with n / 4096.
 */
export const cumsum = ({ type, along, inner, input, output, count }: CumsumParams): string => wgsl`
${storage(0, "x", "read", type, input.length)}
${storage(1, "y", "read_write", type, output.length)}
${main(count, [
  `  let from_ = i / ${inner}u * ${along * inner}u + i % ${inner}u;`,
  `  var before = ${sumOf(type)}(0);`,
  `  for (var a = 0u; a < ${along}u; a += 4096u) {`,
  `    var blocks = ${sumOf(type)}(0);`,
  `    for (var b = a; b < min(a + 4096u, ${along}u); b += 64u) {`,
  `      var block = ${sumOf(type)}(0);`,
  `      for (var t = b; t < min(b + 64u, ${along}u); t++) {`,
  `        let at = from_ + t * ${inner}u;`,
  `        block += ${widened(type, `x[${elementAt(input.view, "at")}]`)};`,
  `        y[at] = ${narrowed(type, "(before + (blocks + block))")};`,
  "      }",
  "      blocks += block;",
  "    }",
  "    before += blocks;",
  "  }",
])}`;

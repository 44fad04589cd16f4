import { indented, wgsl } from "../wgsl.ts";
import { storage } from "./grid.wgsl.ts";
import { aliasLines, sumOf, widened } from "./half.wgsl.ts";
import type { Text } from "./kernel.ts";
import { elementAt, plus, type Scalar, shifted, times, type ViewParams, vec4Load, vec4Of } from "./view.wgsl.ts";

/** A stack of matrices. Its element (batch, i, j) is `batch` at the batch's number + i · strides[0] + j · strides[1]. */
export interface Operand {
  readonly batch: ViewParams;
  readonly strides: readonly [number, number];
  /** Elements of the bound range. */
  readonly length: number;
}

/** The same, of elements of its own type. */
interface TypedOperand extends Operand {
  readonly type: Scalar;
}

/** What is done with each sum before it is stored: the body of an elementwise kernel whose first input is the sum. */
export interface Body {
  /** What the sum, computed in f32, is to the body: f16 rounds it first. */
  readonly type: Scalar;
  /** Statements over `x0` (the sum), `x1`, … and the names of the values to store. */
  readonly body: readonly string[];
  readonly values: readonly string[];
  readonly lib: readonly Text[];
  readonly usesIndex: boolean;
  /** Whether values of type H (f16) occur. */
  readonly half: boolean;
}

/** A buffer that results are stored in, row-major. */
export interface Place {
  readonly type: Scalar;
  readonly length: number;
  /** The epilogue's input, counted from 0, whose place the result takes, element by element: both share one binding. */
  readonly over?: number | undefined;
}

export interface Epilogue extends Body {
  readonly inputs: readonly TypedOperand[];
}

/** The results of a kernel that ends in an epilogue: stacks of ROWS × COLS matrices, row-major. */
export interface Results {
  readonly rows: number;
  readonly cols: number;
  readonly epilogue: Epilogue;
  readonly outputs: readonly Place[];
}

/** The results of a kernel that have one axis, and the epilogue's inputs seen along it. */
export interface FlatResults {
  readonly epilogue: Body & { readonly inputs: readonly { type: Scalar; view: ViewParams; length: number }[] };
  readonly outputs: readonly Place[];
}

export const lanes = ["x", "y", "z", "w"] as const;
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Whether four neighbours along an operand's axis `along` can be loaded as one aligned vec4. */
export const loadsVectors = ({ strides, batch }: Operand, along: 0 | 1): boolean =>
  strides[along] === 1 &&
  strides[1 - along]! % 4 === 0 &&
  batch.offset % 4 === 0 &&
  batch.strides.every((stride) => stride % 4 === 0);

export interface Finish {
  /**
   * `fn finish(batch, row, col, x0: F)` with the names it needs. Kernels call it in loops: written out for each of their sums, the
   * epilogue would take most of the time that they need to compile.
   */
  readonly text: string;
  /** Declarations of the epilogue's inputs and the results, from a given binding on. */
  declare(first: number): string[];
}

const textsOf = (lib: readonly Text[], width: 1 | 4): string[] => [
  ...new Set(lib.map((text) => (typeof text === "string" ? text : text(width)))),
];

/** The types and functions that bodies need. */
export function namesOf(bodies: readonly Body[], width: 1 | 4): string[] {
  const named = bodies.filter(({ body, half }) => body.length > 0 || half);
  if (named.length === 0) return [];
  const half = named.some((body) => body.half);
  return [
    ...aliasLines(width, half),
    ...textsOf(
      named.flatMap(({ lib }) => lib),
      width,
    ),
  ];
}

const nameOf = ({ over }: Place, o: number): string => (over === undefined ? `y${o}` : `e${over}`);

/** Declares an epilogue's inputs, read as vec4 where `wide` says so, then the places that are none of these. */
function declared(
  first: number,
  inputs: readonly { readonly type: Scalar; readonly length: number }[],
  wide: readonly boolean[],
  outputs: readonly Place[],
  stores: boolean,
): string[] {
  const taken = new Set(outputs.map(({ over }) => over));
  const one = (
    k: number,
    name: string,
    write: boolean,
    { type, length }: { type: Scalar; length: number },
    vectors: boolean,
  ) => storage(first + k, name, write ? "read_write" : "read", type, length, vectors ? 4 : 1);
  const fresh = outputs.flatMap((place, o) => (place.over === undefined ? { place, name: nameOf(place, o) } : []));
  return [
    ...inputs.map((input, i) => one(i, `e${i}`, taken.has(i), input, wide[i]!)),
    ...fresh.map(({ place, name }, k) => one(inputs.length + k, name, true, place, stores)),
  ];
}

/**
 * The end of a kernel whose results have one axis: the epilogue on one result, or on four neighbours, whose number is a multiple of
 * four then.
 * @param named the width that the epilogue's types have: of one result as vec4, all parts are the same.
 */
export function flatEnding({ epilogue, outputs }: FlatResults, width: 1 | 4, named = width) {
  const { type, inputs, body, values, usesIndex } = epilogue;
  const splat = named > width;
  const all = (type: Scalar, value: string) => (splat ? `${vec4Of[type]}(${value})` : value);
  const loads = inputs.map(({ view, type }) =>
    width === 4
      ? vec4Load(view, type)
      : { vectors: false, load: (name: string, i: string) => all(type, `${name}[${elementAt(view, i)}]`) },
  );
  return {
    /** Declarations of the epilogue's inputs and the results, from a given binding on. */
    declare: (first: number): string[] =>
      declared(
        first,
        inputs,
        loads.map(({ vectors }) => vectors),
        outputs,
        width === 4,
      ),
    /** Statements that store what becomes of `value`, result number `i`: an identifier that counts results, or fours of them. */
    store(value: string, i: string): string[] {
      const put = (value: (o: number) => string) =>
        outputs.map((place, o) => `${nameOf(place, o)}[${i}] = ${value(o)};`);
      if (body.length === 0 && type !== "f16") return put(() => value);
      const wide = all(sumOf(type), value);
      const sum = type === "f16" ? `H(${wide})` : wide;
      const own = splat ? ".x" : "";
      if (body.length === 0) return put(() => `${sum}${own}`);
      return [
        `let x0 = ${sum};`,
        ...(usesIndex ? [`let index = ${width === 4 ? `4u * ${i} + vec4u(0u, 1u, 2u, 3u)` : all("u32", i)};`] : []),
        ...loads.map(({ load }, k) => `let x${k + 1} = ${load(`e${k}`, i)};`),
        ...body,
        ...put((o) => `${values[o]!}${own}`),
      ];
    },
  };
}

/** Loads of `width` neighbours of a row at `batch`, `row` and `col` from matrices `name`0, `name`1, …, each `cols` wide. */
function loading(inputs: readonly TypedOperand[], name: string, cols: number, width: 1 | 4) {
  // Of so few columns, all that there are lie in the first four.
  const lanesIn = Math.min(4, cols);
  const wide = inputs.map((input) => width === 4 && cols % 4 === 0 && loadsVectors(input, 1));
  const vectorOf = (type: Scalar) => (width === 4 ? vec4Of[type] : type);
  const values = inputs.map((input, i) => {
    const [rowStep, step] = input.strides;
    const at = (col: string) => plus(elementAt(input.batch, "batch"), times("row", rowStep), times(col, step));
    if (wide[i]) {
      const whole = at("col");
      return `${name}${i}[${whole === "col" ? whole : `(${whole})`} / 4u]`;
    }
    if (step === 0 || width === 1) return `${vectorOf(input.type)}(${name}${i}[${at("col")}])`;
    const parts = range(4).map((lane) =>
      lane < lanesIn ? `${name}${i}[${at(shifted("col", lane))}]` : `${input.type}()`,
    );
    return `${vectorOf(input.type)}(${parts.join(", ")})`;
  });
  /** `wide` says which are read as vec4. */
  return { wide, values };
}

/** A matrix stack that a kernel computes as it reads it: its columns come in whole fours. */
export interface Made {
  readonly inputs: readonly TypedOperand[];
  /** Over `x0`, `x1`, …, the elements of the inputs. */
  readonly body: Body;
  /** Where it is stored, row-major, if anybody else reads it. */
  readonly kept?: Place | undefined;
}

/**
 * `fn made(batch, row, col, keep)`: `width` neighbours of a row, in f32, to a kernel whose results are as many rows; and stores them
 * where `keep` says so. Its types are those of `finish`.
 */
export function making({ inputs, body, kept }: Made, cols: number, width: 1 | 4) {
  const { wide, values } = loading(inputs, "m", cols, width);
  const [value] = body.values;
  const put = `kept[((batch * ROWS + row) * ${cols}u + col)${width === 4 ? " / 4u" : ""}] = ${value};`;
  return {
    /** Declarations from binding 0 on, and how many they are. */
    declare: [
      ...inputs.map(({ type, length }, i) => storage(i, `m${i}`, "read", type, length, wide[i] ? 4 : 1)),
      ...(kept ? [storage(inputs.length, "kept", "read_write", kept.type, kept.length, width)] : []),
    ],
    bound: inputs.length + (kept ? 1 : 0),
    text: wgsl`
fn made(batch: u32, row: u32, col: u32, keep: bool) -> F {
${indented([...values.map((value, i) => `let x${i} = ${value};`), ...body.body])}
  #if ${kept !== undefined}
  if (keep && row < ROWS) { ${put} }
  #endif
  return ${widened(body.type, value!, width)};
}
`,
  };
}

/**
 * The end of a kernel: runs the epilogue on `width` neighbouring sums of a row and stores those that lie inside the result.
 * @param made what else uses its types.
 */
export function finishing({ rows, cols, epilogue, outputs }: Results, width: 1 | 4, made?: Body): Finish {
  const rounds = epilogue.type === "f16";
  const stores = width === 4 && cols % 4 === 0;
  const lanesIn = Math.min(4, cols);
  const { wide, values } = loading(epilogue.inputs, "e", cols, width);
  const loads = values.map((value, i) => `let x${i + 1} = ${value};`);
  const put = outputs.flatMap((place, o) => {
    const [name, value] = [nameOf(place, o), epilogue.values[o]!];
    if (stores) return [`${name}[at / 4u] = ${value};`];
    if (width === 1) return [`${name}[at] = ${value};`];
    return lanes.slice(0, lanesIn).map((lane, i) => {
      const store = `${name}[${shifted("at", i)}] = ${value}.${lane};`;
      return i === 0 || cols < 4 ? store : `if (col + ${i}u < COLS) { ${store} }`;
    });
  });
  return {
    declare: (first) => declared(first, epilogue.inputs, wide, outputs, stores),
    text: wgsl`
${aliasLines(width, epilogue.half || made?.half === true)}
const ROWS = ${rows}u;
const COLS = ${cols}u;
${textsOf([...epilogue.lib, ...(made?.lib ?? [])], width)}
fn finish(batch: u32, row: u32, col: u32, ${rounds ? "sum" : "x0"}: F) {
  if (row >= ROWS || col >= COLS) { return; }
  let at = (batch * ROWS + row) * COLS + col;
  #if ${rounds}
  let x0 = H(sum);
  #endif
  #if ${epilogue.usesIndex}
  let index = at + ${width === 4 ? "vec4u(0u, 1u, 2u, 3u)" : "0u"};
  #endif
${indented([...loads, ...epilogue.body, ...put])}
}
`,
  };
}

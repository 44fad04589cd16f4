import { wgsl } from "../wgsl.ts";
import { bufferOf, readOf } from "./array.ts";
import { sumOf, widened } from "./half.wgsl.ts";
import type { Buffer, Part, Text, View } from "./kernel.ts";
import { inMatrix, loadsVectors, type Stack, stackOf } from "./stack.ts";
import { isRowMajor, type Scalar, shifted, vec4Of } from "./view.wgsl.ts";

/*
 * Where kernels store results, after pointwise ops on them (the epilogue). Also where pointwise ops compute a kernel's
 * first operand as it is loaded (the prologue).
 */

/** Pointwise ops on values `x0`, `x1`, …, as statements. */
export interface Body {
  /** Type of x0 in the body. It is computed in f32 and rounded first if this is f16. */
  readonly type: Scalar;
  readonly body: readonly string[];
  /** Names of the values to store. */
  readonly values: readonly string[];
  /** Functions that the statements call. */
  readonly lib: readonly Text[];
  readonly usesIndex: boolean;
}

/** An epilogue: what happens to a kernel's results. */
export interface End {
  /** x0 is the result; the other values are elements of `added`. */
  readonly body: Body;
  readonly added: readonly View[];
  /** Where values are stored, row-major. A place may be the memory of an added tensor; both then share a binding. */
  readonly places: readonly View[];
}

export const components = ["x", "y", "z", "w"] as const;

/** For each place, the added tensor in the same memory. */
const taken = ({ added, places }: Pick<End, "added" | "places">): (number | undefined)[] =>
  places.map((place) => {
    const at = added.findIndex(
      (view) => view.buffer === place.buffer && view.base === place.base && view.offset === 0 && isRowMajor(view),
    );
    return at < 0 ? undefined : at;
  });

/** Names the buffer of an added tensor, "e", or of a place, "y". */
type NameOf = (kind: "e" | "y", i: number) => string;
const plainNames: NameOf = (kind, i) => `${kind}${i}`;

/** Buffers of the added tensors and of the remaining places, and the buffer name of each place. */
function bound(
  end: End,
  wide: readonly boolean[],
  width: 1 | 4,
  nameOf: NameOf = plainNames,
): { buffers: Buffer[]; names: string[] } {
  const over = taken(end);
  const added = end.added.map((view, i) =>
    bufferOf(nameOf("e", i), view, over.includes(i) ? "read_write" : "read", wide[i] ? 4 : 1),
  );
  const fresh = end.places.flatMap((view, o) =>
    over[o] === undefined ? [bufferOf(nameOf("y", o), view, "read_write", width)] : [],
  );
  return {
    buffers: [...added, ...fresh],
    names: over.map((i, o) => (i === undefined ? nameOf("y", o) : nameOf("e", i))),
  };
}

/**
 * The epilogue of a kernel with one-dimensional results. Accessor: `put(i, value);` runs the epilogue on result i, or
 * vec4 i, and stores it.
 * @param width results per call.
 * @param named width of the types in the body: 4 if another body of the kernel needs it.
 * @param nameOf names the buffers.
 */
export function flatEnd(end: End, width: 1 | 4, named = width, nameOf: NameOf = plainNames): Part {
  const { type, body, values, lib, usesIndex } = end.body;
  const splat = named > width;
  const all = (type: Scalar, value: string) => (splat ? `${vec4Of[type]}(${value})` : value);
  const loads = end.added.map((view) => readOf(view, width));
  const wide = loads.map(({ vectors }) => vectors);
  const { buffers, names } = bound(end, wide, width, nameOf);
  const put = (value: string, i: string): string[] => {
    const store = (value: (o: number) => string) => names.map((name, o) => `${name}_store(${i}, ${value(o)});`);
    if (body.length === 0 && type !== "f16") return store(() => value);
    const wide = all(sumOf(type), value);
    const sum = type === "f16" ? `H(${wide})` : wide;
    const own = splat ? ".x" : "";
    if (body.length === 0) return store(() => `${sum}${own}`);
    return [
      `let x0 = ${sum};`,
      ...(usesIndex ? [`let index = ${width === 4 ? `4u * ${i} + vec4u(0u, 1u, 2u, 3u)` : all("u32", i)};`] : []),
      ...loads.map(({ load }, k) => `let x${k + 1} = ${all(end.added[k]!.dtype, load(nameOf("e", k), i))};`),
      ...body,
      ...store((o) => `${values[o]!}${own}`),
    ];
  };
  return { buffers, functions: lib, accessors: { put: (i, value) => put(value!, i!) } };
}

/**
 * The epilogue of a kernel whose results are stacks of ROWS × COLS matrices. `fn finish(batch, row, col, sum)` runs it
 * on `width` neighbouring sums of a row and stores those inside the result. It is a function because kernels call it in
 * loops: inlined for each sum, it would dominate compile time.
 */
export function matrixEnd(end: End, [rows, cols]: readonly [number, number], width: 1 | 4): Part {
  const { type, body, values, lib, usesIndex } = end.body;
  const rounds = type === "f16";
  const whole = width === 4 && cols % 4 === 0;
  const stacks = end.added.map(stackOf);
  const wide = stacks.map((stack) => readsFours(stack, cols, width));
  const { buffers, names } = bound(end, wide, whole ? 4 : 1);
  const put = names.flatMap((name, o) => {
    const value = values[o]!;
    if (whole) return [`${name}_store(at / 4u, ${value});`];
    if (width === 1) return [`${name}_store(at, ${value});`];
    return components.slice(0, cols).map((component, i) => {
      const store = `${name}_store(${shifted("at", i)}, ${value}.${component});`;
      return i === 0 || cols < 4 ? store : `if (col + ${i}u < COLS) { ${store} }`;
    });
  });
  const finish = wgsl`
fn finish(batch: u32, row: u32, col: u32, ${rounds ? "sum" : "x0"}: F) {
  if (row >= ROWS || col >= COLS) { return; }
  let at = (batch * ROWS + row) * COLS + col;
  #if ${rounds}
  let x0 = H(sum);
  #endif
  #if ${usesIndex}
  let index = at${width === 4 ? " + vec4u(0u, 1u, 2u, 3u)" : ""};
  #endif
  ${stacks.map((stack, i) => `let x${i + 1} = ${loadOf(`e${i}`, stack, cols, width)};`)}
  ${body}
  ${put}
}`;
  return {
    buffers,
    constants: {
      ROWS: [rows, "of the result"],
      COLS: [cols, "of the result"],
    },
    functions: [...lib, finish],
  };
}

const readsFours = (stack: Stack, cols: number, width: 1 | 4): boolean =>
  width === 4 && cols % 4 === 0 && loadsVectors(stack, 1);

/** `width` neighbours of a row at `batch`, `row` and `col` of a matrix with `cols` columns. */
function loadOf(name: string, stack: Stack, cols: number, width: 1 | 4): string {
  const type = width === 4 ? vec4Of[stack.view.dtype] : stack.view.dtype;
  const at = (col: string) => inMatrix(stack, "batch", "row", col);
  if (readsFours(stack, cols, width)) {
    const whole = at("col");
    return `${name}[${whole === "col" ? whole : `(${whole})`} / 4u]`;
  }
  if (stack.strides[1] === 0 || width === 1) return `${type}(${name}[${at("col")}])`;
  // With fewer than four columns, all are in the first vec4.
  const parts = components.map((_, i) => (i < cols ? `${name}[${at(shifted("col", i))}]` : `${stack.view.dtype}()`));
  return `${type}(${parts.join(", ")})`;
}

/** A stack of matrices that a kernel computes as it loads it. The number of columns is divisible by 4. */
export interface Made {
  readonly inputs: readonly View[];
  /** Computes an element from `x0`, `x1`, …, the elements of the inputs. */
  readonly body: Body;
  /** Where to store it, row-major, if it is used elsewhere. */
  readonly kept?: View | undefined;
}

/**
 * `fn made(batch, row, col, keep)`: `width` neighbours of a row in f32, also stored if `keep`. ROWS is that of the
 * results.
 */
export function making({ inputs, body, kept }: Made, cols: number, width: 1 | 4): Part {
  const stacks = inputs.map(stackOf);
  const [value] = body.values;
  return {
    buffers: [
      ...stacks.map((stack, i) => bufferOf(`m${i}`, inputs[i]!, "read", readsFours(stack, cols, width) ? 4 : 1)),
      ...(kept ? [bufferOf("kept", kept, "read_write", width)] : []),
    ],
    functions: [
      ...body.lib,
      wgsl`
fn made(batch: u32, row: u32, col: u32, keep: bool) -> F {
  ${stacks.map((stack, i) => `let x${i} = ${loadOf(`m${i}`, stack, cols, width)};`)}
  ${body.body}
  #if ${kept !== undefined}
  if (keep && row < ROWS) { kept_store(((batch * ROWS + row) * ${cols}u + col)${width === 4 ? " / 4u" : ""}, ${value!}); }
  #endif
  return ${widened(body.type, value!, width)};
}`,
    ],
  };
}

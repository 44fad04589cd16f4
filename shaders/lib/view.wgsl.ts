/**
 * Strided views in WGSL: maps row-major positions to elements of a buffer. Shapes are known when a kernel is written,
 * so every division is by a constant.
 */
export interface ViewParams {
  readonly shape: readonly number[];
  /** In elements; 0 repeats, negative reverses. */
  readonly strides: readonly number[];
  readonly offset: number;
}

/** WGSL names of element types. */
export type Scalar = "f32" | "f16" | "i32" | "u32";
export const vec4Of: Record<Scalar, string> = { f32: "vec4f", f16: "vec4h", i32: "vec4i", u32: "vec4u" };

export const sizeOf = (shape: readonly number[]): number => shape.reduce((count, n) => count * n, 1);

/** Drops axes of size 1 and merges neighbouring axes that one stride can walk, innermost last. */
export function coalesce({ shape, strides, offset }: ViewParams): ViewParams {
  const merged: { n: number; stride: number }[] = [];
  shape.forEach((n, axis) => {
    if (n === 1) return;
    const stride = strides[axis]!;
    const outer = merged[merged.length - 1];
    if (outer && outer.stride === stride * n) {
      outer.n *= n;
      outer.stride = stride;
    } else {
      merged.push({ n, stride });
    }
  });
  return { shape: merged.map(({ n }) => n), strides: merged.map(({ stride }) => stride), offset };
}

/** Whether a view is row-major without gaps; any offset. */
export function isRowMajor({ shape, strides }: ViewParams): boolean {
  let inner = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== inner) return false;
    inner *= shape[axis]!;
  }
  return true;
}

/** Parenthesises an expression unless it is a name, a number, a call or an access. */
export const tight = (text: string): string => {
  let depth = 0;
  for (const char of text) {
    if (char === "(" || char === "[") depth++;
    else if (char === ")" || char === "]") depth--;
    else if (depth === 0 && char === " ") return `(${text})`;
  }
  return text;
};

/** The index of the element at row-major position `i`. */
export function elementAt(view: ViewParams, i: string): string {
  const { shape, strides, offset } = coalesce(view);
  const terms: { text: string; minus: boolean }[] = [];
  let inner = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const stride = strides[axis]!;
    const divided = inner === 1 ? i : `${tight(i)} / ${inner}u`;
    const coordinate = axis === 0 ? divided : `${inner === 1 ? tight(i) : divided} % ${shape[axis]!}u`;
    if (stride !== 0) {
      const factor = Math.abs(stride);
      const whole = factor > 1 || stride < 0 ? (coordinate === i ? tight(i) : coordinate) : coordinate;
      const text = factor === 1 ? whole : `${whole} * ${factor}u`;
      terms.unshift({ text, minus: stride < 0 });
    }
    inner *= shape[axis]!;
  }
  // Put subtractions last for readers; with wrapping u32 arithmetic the order does not matter.
  terms.sort((a, b) => Number(a.minus) - Number(b.minus));
  const sum = terms
    .map(({ text, minus }, k) => `${k === 0 ? (minus ? "0u - " : "") : minus ? " - " : " + "}${text}`)
    .join("");
  if (sum === "") return `${offset}u`;
  return offset === 0 ? sum : `${offset}u + ${sum}`;
}

/**
 * Whether all strides of a coalesced view, except those of its `inner` last axes, and its offset are multiples of 4.
 */
export const inFours = ({ strides, offset }: ViewParams, inner: 0 | 1): boolean =>
  [...strides.slice(0, strides.length - inner), offset].every((step) => step % 4 === 0);

/** The same view of an array of vec4s, grouping elements along the last axis if `inner` is 1. */
export function inVec4({ shape, strides, offset }: ViewParams, inner: 0 | 1): ViewParams {
  const last = shape.length - inner;
  return {
    shape: shape.map((n, axis) => (axis < last ? n : Math.ceil(n / 4))),
    strides: strides.map((stride, axis) => (axis < last ? stride / 4 : 1)),
    offset: offset / 4,
  };
}

/** How a kernel reads four neighbouring elements of a view at once. */
export interface Vec4Load {
  /** Whether the buffer is declared as an array of vec4s. */
  readonly vectors: boolean;
  /** The vec4 at position `i` (in vec4s), given the name of the buffer. */
  load(name: string, i: string): string;
}

/**
 * The cheapest way to read elements 4·i … 4·i+3 of a view as a vec4: one vec4 load if they are contiguous, one repeated
 * element if they are the same, else four loads.
 */
export function vec4Load(view: ViewParams, type: Scalar): Vec4Load {
  const flat = coalesce(view);
  const vector = vec4Of[type];
  const rank = flat.shape.length;
  if (flat.strides.every((stride) => stride === 0)) {
    return { vectors: false, load: (name) => `${vector}(${name}[${flat.offset}u])` };
  }
  const whole = flat.shape[rank - 1]! % 4 === 0;
  // A single axis may have a remainder: reads past it stay within the buffer's padding.
  if (flat.strides[rank - 1] === 1 && (whole || rank === 1) && inFours(flat, 1)) {
    const quarter = inVec4(flat, 1);
    return { vectors: true, load: (name, i) => `${name}[${elementAt(quarter, i)}]` };
  }
  if (flat.strides[rank - 1] === 0 && whole) {
    return { vectors: false, load: (name, i) => `${vector}(${name}[${elementAt(flat, times(i, 4))}])` };
  }
  return {
    vectors: false,
    load: (name, i) =>
      `${vector}(${[0, 1, 2, 3].map((k) => `${name}[${elementAt(flat, plus(times(i, 4), `${k}u`))}]`).join(", ")})`,
  };
}

/** A sum of terms, without zeros. */
export function plus(...terms: readonly string[]): string {
  const rest = terms.filter((term) => term !== "0u" && term !== "");
  return rest.length > 0 ? rest.join(" + ") : "0u";
}

/** An expression times a constant stride. */
export const times = (name: string, stride: number): string =>
  stride === 0 || name === "0u" ? "0u" : stride === 1 ? name : `${tight(name)} * ${stride}u`;

/** A name plus a constant, in parentheses if needed. */
export const shifted = (name: string, by: number): string => (by === 0 ? name : `(${name} + ${by}u)`);

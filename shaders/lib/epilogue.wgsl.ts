import { wgsl } from "../wgsl.ts";
import { storage } from "./grid.wgsl.ts";
import { aliases } from "./half.wgsl.ts";
import { elementAt, plus, type Scalar, shifted, times, type ViewParams, vec4Of } from "./view.wgsl.ts";

/** A stack of matrices. Its element (batch, i, j) is `batch` at the batch's number + i · strides[0] + j · strides[1]. */
export interface Operand {
  readonly batch: ViewParams;
  readonly strides: readonly [number, number];
  /** Elements of the bound range. */
  readonly length: number;
}

/** What is done with each sum before it is stored: the body of an elementwise kernel whose first input is the sum. */
export interface Epilogue {
  /** What the sum, computed in f32, is to the body: f16 rounds it first. */
  readonly type: Scalar;
  readonly inputs: readonly (Operand & { readonly type: Scalar })[];
  /** Statements over `x0` (the sum), `x1`, … and the names of the values to store. */
  readonly body: readonly string[];
  readonly values: readonly string[];
  readonly lib: readonly string[];
  readonly usesIndex: boolean;
  /** Whether values of type H (f16) occur. */
  readonly half: boolean;
}

/** The results of a kernel that ends in an epilogue: stacks of ROWS × COLS matrices, row-major. */
export interface Results {
  readonly rows: number;
  readonly cols: number;
  readonly epilogue: Epilogue;
  readonly outputs: readonly { readonly type: Scalar; readonly length: number }[];
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
  /** `fn finish(batch, row, col, x0: F)` with the names it needs. */
  readonly text: string;
  /** Declarations of the epilogue's inputs and the results, from a given binding on. */
  declare(first: number): string[];
}

/**
 * The end of a kernel: runs the epilogue on `width` neighbouring sums of a row and stores those that lie inside the result.
 */
export function finishing({ rows, cols, epilogue, outputs }: Results, width: 1 | 4): Finish {
  const rounds = epilogue.type === "f16";
  const stores = width === 4 && cols % 4 === 0;
  const wide = epilogue.inputs.map((input) => width === 4 && cols % 4 === 0 && loadsVectors(input, 1));
  const vectorOf = (type: Scalar) => (width === 4 ? vec4Of[type] : type);
  const loads = epilogue.inputs.map((input, i) => {
    const [rowStep, step] = input.strides;
    const at = (col: string) => plus(elementAt(input.batch, "batch"), times("row", rowStep), times(col, step));
    if (wide[i]) {
      const whole = at("col");
      return `let x${i + 1} = e${i}[${whole === "col" ? whole : `(${whole})`} / 4u];`;
    }
    if (step === 0 || width === 1) return `let x${i + 1} = ${vectorOf(input.type)}(e${i}[${at("col")}]);`;
    const parts = range(4).map((lane) => `e${i}[${at(shifted("col", lane))}]`);
    return `let x${i + 1} = ${vectorOf(input.type)}(${parts.join(", ")});`;
  });
  const put = outputs.flatMap((_, o) => {
    const value = epilogue.values[o]!;
    if (stores) return [`y${o}[at / 4u] = ${value};`];
    if (width === 1) return [`y${o}[at] = ${value};`];
    return lanes.map((lane, i) =>
      i === 0 ? `y${o}[at] = ${value}.x;` : `if (col + ${i}u < COLS) { y${o}[at + ${i}u] = ${value}.${lane}; }`,
    );
  });
  return {
    declare: (first) => [
      ...epilogue.inputs.map(({ type, length }, i) =>
        storage(first + i, `e${i}`, "read", wide[i] ? vec4Of[type] : type, wide[i] ? length / 4 : length),
      ),
      ...outputs.map(({ type, length }, i) =>
        storage(
          first + wide.length + i,
          `y${i}`,
          "read_write",
          stores ? vec4Of[type] : type,
          stores ? length / 4 : length,
        ),
      ),
    ],
    text: wgsl`
${aliases(width, epilogue.half)}
const ROWS = ${rows}u;
const COLS = ${cols}u;
${epilogue.lib}
fn finish(batch: u32, row: u32, col: u32, ${rounds ? "sum" : "x0"}: F) {
  if (row >= ROWS || col >= COLS) { return; }
  let at = (batch * ROWS + row) * COLS + col;
  #if ${rounds}
  let x0 = H(sum);
  #endif
  #if ${epilogue.usesIndex}
  let index = at + ${width === 4 ? "vec4u(0u, 1u, 2u, 3u)" : "0u"};
  #endif
${[...loads, ...epilogue.body, ...put].map((line) => `  ${line}`)}
}
`,
  };
}

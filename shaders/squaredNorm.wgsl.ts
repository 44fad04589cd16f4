import { storage } from "./lib/grid.wgsl.ts";
import { ofFour, sum, type Way } from "./lib/lines.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

/** What is added up: x², or 1 for each x that is NaN or infinite. */
export type SquaredNormTerm = "square" | "nonFinite";

export interface SquaredNormParams {
  readonly term: SquaredNormTerm;
  /** Pieces of tensors, and the number of the first one's result. */
  readonly pieces: number;
  readonly first: number;
  /** Most elements of a piece, a multiple of 4. */
  readonly piece: number;
  readonly inputLength: number;
  readonly tableLength: number;
  readonly outputLength: number;
}

const declarations = (p: SquaredNormParams): string[] => [
  `const PIECES = ${p.pieces}u;`,
  storage(0, "x", "read", "f32", p.inputLength, 4),
  "// Where each piece begins (a multiple of 4), and how many elements it has.",
  storage(1, "table", "read", "vec2u", p.tableLength / 2),
  storage(2, "y", "read_write", "f32", p.outputLength),
];

/** The terms of the vec4 number `k` of a piece. What lies behind the tensor's end is anything, even no number. */
const terms = ({ term }: SquaredNormParams): string => wgsl`
fn terms(piece: vec2u, k: u32) -> vec4f {
  let inside = 4u * k + vec4u(0u, 1u, 2u, 3u) < vec4u(piece.y);
  let v = select(vec4f(), x[piece.x / 4u + k], inside);
  #if ${term === "square"}
  return v * v;
  #else
  // The bits are tested as integers: WGSL may assume that no value is NaN or infinite.
  return select(vec4f(), vec4f(1.0), (bitcast<vec4u>(v) & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
  #endif
}`;

/** y[piece] = Σ x², or another term. */
export const squaredNorm =
  (way: Way) =>
  (p: SquaredNormParams): string =>
    wgsl`
${declarations(p)}
${terms(p)}
${way.declare("f32", { sum })}

${way.enter("PIECES")}
  let piece = table[i];
  var acc = vec4f();
  ${way.each("k", "(piece.y + 3u) / 4u")} { acc += terms(piece, k); }
  let whole = ${way.fold("sum", ofFour(sum, "acc"))};
${indented(way.once([`y[i + ${p.first}u] = whole;`]))}
}
`;

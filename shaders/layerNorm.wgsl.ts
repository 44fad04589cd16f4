import { type FlatResults, flatEnding, namesOf } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { sum, type Way } from "./lib/lines.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

/** "layer" takes mean and spread out of each row, "rms" divides by the root of the mean square alone. */
export type NormKind = "layer" | "rms";

/** Which element of a weight belongs to element `t` of row `i`: (i mod groups) · (length / spread) + t / spread. */
export interface AffineParams {
  readonly groups: number;
  readonly spread: number;
}

/** Rows, and what is bound to read. */
interface Rows {
  readonly kind: NormKind;
  readonly rows: number;
  /** Elements of a row. */
  readonly length: number;
  readonly eps: number;
  readonly affine: AffineParams;
  /** Elements of the bound ranges, in the order of the bindings; `undefined` where there is none. */
  readonly inputs: readonly (number | undefined)[];
}

export interface NormParams extends Rows {
  /** As the inputs, behind them. */
  readonly outputs: readonly (number | undefined)[];
}

export interface NormGradParams extends Rows, FlatResults {}

/** Four neighbours at once where rows and the stretches of one weight are whole vec4s. */
const isWide = ({ length, affine: { spread } }: Rows): boolean =>
  length % 4 === 0 && (spread === 1 || spread % 4 === 0);

/** Names that carry one number per row, whatever the width of the others. */
const perRow = ["mean", "rstd"];

function declarations(
  p: Rows,
  inputs: readonly string[],
  outputs: readonly string[] = [],
  lengths: readonly (number | undefined)[] = [],
): string[] {
  const wide = isWide(p);
  const single = (name: string) =>
    perRow.includes(name) || ((name === "weight" || name === "bias") && p.affine.spread > 1);
  const bound = [
    ...inputs.map((name, i) => ({ name, length: p.inputs[i], access: "read" as const })),
    ...outputs.map((name, i) => ({ name, length: lengths[i], access: "read_write" as const })),
  ].filter(({ length }) => length !== undefined);
  return [
    `const ROWS = ${p.rows}u;`,
    `const LENGTH = ${wide ? p.length / 4 : p.length}u; // ${wide ? "vec4" : "elements"} of a row`,
    `const N = ${p.length}.0; // elements of a row`,
    ...bound.map(({ name, length, access }, binding) =>
      storage(binding, name, access, "f32", length!, wide && !single(name) ? 4 : 1),
    ),
    wide ? "fn total(v: F) -> f32 { return (v.x + v.y) + (v.z + v.w); }" : "fn total(v: F) -> f32 { return v; }",
  ];
}

const aliasOf = (p: Rows): string => `alias F = ${isWide(p) ? "vec4f" : "f32"};`;

/** Expression of a weight (or bias) at position `t` of the row; `t` counts as the row does. */
function affineAt(p: Rows, name: string): string {
  const { groups, spread } = p.affine;
  const width = isWide(p) && spread === 1 ? 4 : 1;
  const own = p.length / spread / width;
  const within = spread === 1 ? "t" : `${isWide(p) ? "4u * t" : "t"} / ${spread}u`;
  const value = `${name}[${groups === 1 ? within : `i % ${groups}u * ${own}u + ${within}`}]`;
  return isWide(p) && spread > 1 ? `F(${value})` : value;
}

/** Result of element `t`, with the parts that there are. */
const scaled = (p: NormParams, value: string): string => {
  const [, weight, bias] = p.inputs;
  const product = weight === undefined ? value : `${value} * ${affineAt(p, "weight")}`;
  return bias === undefined ? product : `${product} + ${affineAt(p, "bias")}`;
};

const inputsOf = ["x", "weight", "bias"];
const outputsOf = ["y", "rstd", "mean"];

/** What is left of the mean, and the spread around it: the corrected two-pass algorithm (Chan et al., 1983). */
const spreadOf = (p: NormParams): string =>
  p.kind === "rms"
    ? `let shift = 0.0;
  let variance = both.y / N;`
    : `let shift = both.x / N;
  let variance = max(both.y / N - shift * shift, 0.0);`;

const stores = (p: NormParams): string[] => [
  ...(p.outputs[1] === undefined ? [] : ["rstd[i] = scale;"]),
  ...(p.outputs[2] === undefined ? [] : ["mean[i] = middle + shift;"]),
];

/** y = (x − mean) · rstd · weight + bias along each row: mean, spread, result. */
export const norm =
  (way: Way) =>
  (p: NormParams): string =>
    wgsl`
${aliasOf(p)}
${declarations(p, inputsOf, outputsOf, p.outputs)}
${way.declare("vec2f", { sum })}

${way.enter("ROWS")}
  let row = i * LENGTH;
  #if ${p.kind === "rms"}
  let middle = 0.0;
  #else
  var own = F();
  ${way.each("t", "LENGTH")} { own += x[row + t]; }
  let middle = ${way.fold("sum", "vec2f(total(own), 0.0)")}.x / N;
  #endif
  var drift = F();
  var square = F();
  ${way.each("t", "LENGTH")} {
    let d = x[row + t] - middle;
    drift += d;
    square += d * d;
  }
  let both = ${way.fold("sum", "vec2f(total(drift), total(square))")};
  ${spreadOf(p)}
  let scale = inverseSqrt(variance + ${p.eps});
${indented(way.once(stores(p)))}
  #if ${p.outputs[0] !== undefined}
  ${way.each("t", "LENGTH")} {
    y[row + t] = ${scaled(p, "((x[row + t] - middle - shift) * scale)")};
  }
  #endif
}
`;

const gradInputs = ["x", "weight", "dy", "rstd", "mean"];

/** Gradient and normalised value of element `t` of the row. */
const gradAt = (p: Rows): string =>
  `let g = dy[row + t]${p.inputs[1] === undefined ? "" : ` * ${affineAt(p, "weight")}`};
    let h = ${p.kind === "rms" ? "x[row + t] * scale" : "(x[row + t] - middle) * scale"};`;

const rowHead = (p: Rows): string => `let row = i * LENGTH;
  let scale = rstd[i];
  ${p.kind === "rms" ? "" : "let middle = mean[i];"}`;

/** The mean was rounded, and may be large beside the deviations: what is missing of it is their own mean, `shift`. */
const gradSums = (kind: NormKind): string =>
  kind === "rms"
    ? "let mixed = sums.y / N;"
    : `let shift = sums.z / N;
  let mixed = (sums.y - shift * sums.x) / N;`;

const gradValue = (kind: NormKind): string =>
  kind === "rms" ? "scale * (g - h * mixed)" : "scale * (g - sums.x / N - (h - shift) * mixed)";

/** dx = rstd · (g − mean(g) − h · mean(g · h)) along each row, with g = dy · weight and h the normalised x ("rms": without mean(g)). */
export const normGrad =
  (way: Way) =>
  (p: NormGradParams): string => {
    const width = isWide(p) ? 4 : 1;
    const ending = flatEnding(p, width);
    const names = namesOf([p.epilogue], width);
    return wgsl`
${names.length > 0 ? names : [aliasOf(p)]}
${declarations(p, gradInputs)}
${ending.declare(p.inputs.filter((length) => length !== undefined).length)}
${way.declare("vec3f", { sum })}

${way.enter("ROWS")}
  ${rowHead(p)}
  var own = F();
  var along = F();
  var drift = F();
  ${way.each("t", "LENGTH")} {
    ${gradAt(p)}
    own += g;
    along += g * h;
    drift += h;
  }
  let sums = ${way.fold("sum", "vec3f(total(own), total(along), total(drift))")};
  ${gradSums(p.kind)}
  ${way.each("t", "LENGTH")} {
    ${gradAt(p)}
    let dx = ${gradValue(p.kind)};
    let at = row + t;
${indented(ending.store("dx", "at"), 4)}
  }
}
`;
  };

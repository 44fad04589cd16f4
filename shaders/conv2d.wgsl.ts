import { finishing, lanes, type Results, range } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { narrowed, widened, widened4 } from "./lib/half.wgsl.ts";
import { tiled } from "./lib/tile.wgsl.ts";
import { plus, type Scalar, shifted, times, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/**
 * Along one axis, which elements of the kernel meet which elements of the input: tap t multiplies kernel element
 * first + t · step with input element position · stride + offset + t · shift, where it exists.
 *
 * Forward, the input walks forwards with the kernel (shift = dilation). In the gradient of the input the roles of input and
 * output are exchanged: the kernel runs backwards (shift < 0), and each residue of the position modulo the stride meets only every
 * stride-th element of it, so that a kernel serves one residue (`phase`), without a single multiplication by zero.
 */
export interface Taps {
  readonly count: number;
  readonly first: number;
  readonly step: number;
  readonly stride: number;
  readonly offset: number;
  readonly shift: number;
  /** Results stand at phase + position · spacing; there are `positions` of them. */
  readonly phase: number;
  readonly spacing: number;
  readonly positions: number;
}

/** What all kernels of a convolution are told. */
interface ConvolutionParams {
  readonly images: number;
  readonly groups: number;
  readonly outChannels: number;
  readonly inChannels: number;
  readonly vertical: Taps;
  readonly horizontal: Taps;
  readonly input: { readonly height: number; readonly width: number; readonly length: number };
}

/** rows and cols of Results are height and width of the result; there are images · groups · outChannels of them. */
export interface CorrelateParams extends Results, ConvolutionParams {
  /** Element type of input and weight; sums are f32 whatever it is. */
  readonly type: Scalar;
  /** Element (group, out, in, i, j) of the weight. */
  readonly weight: {
    readonly strides: readonly [group: number, out: number, in_: number, i: number];
    readonly length: number;
  };
}

/** Whether some tap reaches beyond the input, so that each load has to ask. */
const reaches = ({ count, stride, offset, shift, positions }: Taps, size: number): boolean => {
  const ends = [0, (positions - 1) * stride].flatMap((at) => [at + offset, at + offset + (count - 1) * shift]);
  return Math.min(...ends) < 0 || Math.max(...ends) >= size;
};

/** `name + constant` for constants of either sign; u32 wraps, so "before the input" is a huge number. */
const moved = (name: string, by: number): string =>
  by === 0 ? name : by > 0 ? `${name} + ${by}u` : `${name} - ${-by}u`;

/** Position of the first result column in the result, from its number. */
const placed = (name: string, { phase, spacing }: Taps): string => plus(times(name, spacing), `${phase}u`);

export interface CorrelateShape {
  /** Results that one invocation owns: channels, and columns in groups of four. */
  readonly channels: number;
  readonly columns: number;
  readonly workgroup: number;
}

/**
 * Implicit GEMM of a convolution: out[n, o, y, x] = finish(Σ weight[o, c, i, j] · input[n, c, …, …]) without ever storing the
 * matrix of input patches. One invocation owns CHANNELS × 4·COLUMNS neighbouring results of a row; it walks input channels and
 * kernel rows, loads the stretch of input that its columns share into registers once, and multiplies it with every element
 * of the kernel row. No workgroup memory, no barrier. Depthwise is the case of one channel a group.
 */
export function correlateDirect(p: CorrelateParams, { channels, columns, workgroup }: CorrelateShape): string {
  const { vertical: v, horizontal: h, input, weight } = p;
  const adjacent = h.spacing === 1;
  const finish = finishing(p, adjacent ? 4 : 1);
  const width = 4 * columns;
  // Distinct input elements that the columns meet, as distances from the first column's first tap.
  const distances = [
    ...new Set(range(width).flatMap((q) => range(h.count).map((t) => q * h.stride + t * h.shift))),
  ].sort((a, b) => a - b);
  const nameOf = (distance: number) => `x${distances.indexOf(distance)}`;
  const guardRow = reaches(v, input.height);
  const guardColumn = reaches({ ...h, positions: Math.ceil(h.positions / width) * width }, input.width);
  const load = (distance: number): string => {
    const at = moved("left", distance);
    const value = widened(p.type, `input[line + ${at}]`);
    return guardColumn ? `select(0.0, ${value}, ${at} < ${input.width}u)` : value;
  };
  const multiply = range(h.count).flatMap((t) => {
    const j = h.first + t * h.step;
    const columnsOf = range(columns).map(
      (c) =>
        `let p${t}_${c} = vec4f(${range(4)
          .map((q) => nameOf((4 * c + q) * h.stride + t * h.shift))
          .join(", ")});`,
    );
    const rows = range(channels).flatMap((r) => [
      `let w${t}_${r} = ${widened(p.type, `weight[${plus("kernel_row", `${r * weight.strides[1] + j}u`)}]`)};`,
      ...range(columns).map((c) => `acc${r}_${c} += w${t}_${r} * p${t}_${c};`),
    ]);
    return [...columnsOf, ...rows];
  });
  const put = range(channels).flatMap((r) =>
    range(columns).flatMap((c) => {
      const batch = `image * ${p.groups * p.outChannels}u + group * ${p.outChannels}u + ${shifted("channel", r)}`;
      const store = adjacent
        ? `finish(${batch}, out_row, ${plus("out_col", `${4 * c}u`)}, acc${r}_${c});`
        : range(4)
            .map(
              (q) =>
                `finish(${batch}, out_row, ${plus("out_col", `${(4 * c + q) * h.spacing}u`)}, acc${r}_${c}.${lanes[q]!});`,
            )
            .join(" ");
      return p.outChannels % channels === 0 || r === 0
        ? [store]
        : [`if (${shifted("channel", r)} < OUT_CHANNELS) { ${store} }`];
    }),
  );
  return wgsl`
${storage(0, "input", "read", p.type, input.length)}
${storage(1, "weight", "read", p.type, weight.length)}
${finish.declare(2)}
${finish.text}
const OUT_CHANNELS = ${p.outChannels}u; // per group, like IN_CHANNELS
const IN_CHANNELS = ${p.inChannels}u;
const BLOCKS_X = ${Math.ceil(h.positions / width)}u; // ${width} columns each
const BLOCKS_Y = ${v.positions}u;
const BLOCKS_O = ${Math.ceil(p.outChannels / channels)}u; // ${channels} channels each

@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x % BLOCKS_X * ${width}u;
  let y = id.x / BLOCKS_X % BLOCKS_Y;
  let channel = id.x / (BLOCKS_X * BLOCKS_Y) * ${channels}u;
  if (channel >= OUT_CHANNELS) { return; }
  let image = id.y / ${p.groups}u;
  let group = id.y % ${p.groups}u;
  let out_row = ${placed("y", v)};
  let out_col = ${placed("x", h)};
  let left = ${moved(times("x", h.stride), h.offset)};
${range(channels).flatMap((r) => range(columns).map((c) => `  var acc${r}_${c} = vec4f();`))}
  for (var c = 0u; c < IN_CHANNELS; c++) {
    let plane = (id.y * IN_CHANNELS + c) * ${input.height * input.width}u;
    let kernel = ${plus(times("group", weight.strides[0]), times("channel", weight.strides[1]), times("c", weight.strides[2]))};
    for (var t = 0u; t < ${v.count}u; t++) {
      let in_row = ${moved(times("y", v.stride), v.offset)} ${v.shift < 0 ? `- t * ${-v.shift}u` : `+ t * ${v.shift}u`};
      #if ${guardRow}
      if (in_row >= ${input.height}u) { continue; }
      #endif
      let line = plane + in_row * ${input.width}u;
      let kernel_row = kernel + (${v.first}u + t * ${v.step}u) * ${weight.strides[3]}u;
${distances.map((distance) => `      let ${nameOf(distance)} = ${load(distance)};`)}
${multiply.map((line) => `      ${line}`)}
    }
  }
${put.map((line) => `  ${line}`)}
}
`;
}

/** A function for the input element that tap and channel `k` meet at a pixel of the result, 0 outside the input. */
function inputAt(p: CorrelateParams): string {
  const { vertical: v, horizontal: h, input } = p;
  const sign = (t: string, shift: number) => (shift < 0 ? `- ${t} * ${-shift}u` : `+ ${t} * ${shift}u`);
  return wgsl`
fn input_at(batch: u32, k: u32, pixel: u32) -> ${p.type} {
  let t = k % ${v.count * h.count}u;
  let row = ${moved(times(`(pixel / ${h.positions}u)`, v.stride), v.offset)} ${sign(`(t / ${h.count}u)`, v.shift)};
  let col = ${moved(times(`(pixel % ${h.positions}u)`, h.stride), h.offset)} ${sign(`(t % ${h.count}u)`, h.shift)};
  let at = ((batch * ${p.inChannels}u + k / ${v.count * h.count}u) * ${input.height}u + row) * ${input.width}u + col;
  return select(${p.type}(), input[at], row < ${input.height}u && col < ${input.width}u);
}
`;
}

/** The same through workgroup memory: a 64×64 tile of channels × pixels of one image and group. The variant for GPUs. */
export function correlateTiled(p: CorrelateParams): string {
  const { vertical: v, horizontal: h, weight } = p;
  const finish = finishing(p, 1);
  const taps = v.count * h.count;
  const kernel = (row: string, k: string) => {
    const t = `(${k} % ${taps}u)`;
    const i = `(${v.first}u + ${t} / ${h.count}u * ${v.step}u)`;
    const j = `${h.first}u + ${t} % ${h.count}u * ${h.step}u`;
    return `weight[${plus("kernel", times(row, weight.strides[1]), times(`(${k} / ${taps}u)`, weight.strides[2]), times(i, weight.strides[3]), j)}]`;
  };
  const pixels = v.positions * h.positions;
  return wgsl`
${storage(0, "input", "read", p.type, p.input.length)}
${storage(1, "weight", "read", p.type, weight.length)}
${finish.declare(2)}
${finish.text}
${inputAt(p)}
fn put(batch: u32, channel: u32, pixel: u32, sum: f32) {
  if (channel >= ${p.outChannels}u || pixel >= ${pixels}u) { return; }
  let y = pixel / ${h.positions}u;
  let x = pixel % ${h.positions}u;
  finish(batch * ${p.outChannels}u + channel, ${placed("y", v)}, ${placed("x", h)}, sum);
}
${tiled({
  type: p.type,
  prologue: [
    "let batch = group.z; // image and group",
    `let kernel = ${times(`(batch % ${p.groups}u)`, weight.strides[0])};`,
  ],
  a: kernel,
  b: (k, col) => `input_at(batch, ${k}, ${col})`,
  aAlongK: weight.strides[2] < weight.strides[1],
  bAlongK: false,
  from: "0u",
  to: `${p.inChannels * taps}u`,
  slices: Math.ceil((p.inChannels * taps) / 16),
  put: (row, col, value) =>
    range(4)
      .map((q) => `put(batch, ${row}, ${shifted(col, q)}, ${value}.${lanes[q]!});`)
      .join(" "),
})}`;
}

/** The taps are those of the forward pass. */
export interface WeightGradParams extends ConvolutionParams {
  /** Element types of input and dy, and of the result; sums are f32 whatever they are. */
  readonly type: Scalar;
  readonly outputType: Scalar;
  readonly gradLength: number;
  readonly outputLength: number;
  /** Parts into which the images are split; each writes a gradient of its own, and a reduction adds them in a fixed order. */
  readonly parts: number;
}

/**
 * Gradient of the weight: dw[o, c, i, j] = Σ over images and pixels of dy · input. One invocation owns CHANNELS output channels and
 * one row of the kernel (up to WIDTH columns of it) for one input channel, and walks rows of pixels in fours: a stretch of the
 * input serves all columns of the kernel row. Sums are kept as vec4 and folded at the end. No workgroup memory, no barrier.
 */
export function weightGradDirect(
  p: WeightGradParams,
  { channels, workgroup }: Omit<CorrelateShape, "columns">,
): string {
  const { vertical: v, horizontal: h, input } = p;
  const wide = Math.min(h.count, 8);
  const pieces = Math.ceil(h.count / wide);
  const distances = [...new Set(range(4).flatMap((q) => range(wide).map((t) => q * h.stride + t * h.shift)))].sort(
    (a, b) => a - b,
  );
  const ragged = h.positions % 4 !== 0;
  const guardRow = reaches(v, input.height);
  const guardColumn = reaches({ ...h, positions: Math.ceil(h.positions / 4) * 4 }, input.width) || pieces > 1;
  const load = (distance: number): string => {
    const at = moved("left", distance);
    const value = widened(p.type, `input[line + ${at}]`);
    return guardColumn ? `select(0.0, ${value}, ${at} < ${input.width}u)` : value;
  };
  const perPart = Math.ceil(p.images / p.parts);
  const size = p.groups * p.outChannels * p.inChannels * v.count * h.count;
  return wgsl`
${storage(0, "input", "read", p.type, input.length)}
${ragged ? storage(1, "dy", "read", p.type, p.gradLength) : storage(1, "dy", "read", vec4Of[p.type], p.gradLength / 4)}
${storage(2, "dw", "read_write", p.outputType, p.outputLength)}
const OUT_CHANNELS = ${p.outChannels}u; // per group, like IN_CHANNELS
const IN_CHANNELS = ${p.inChannels}u;
const PIXELS = ${v.positions * h.positions}u;
const PIECES = ${pieces}u; // of ${wide} columns of the kernel
const BLOCKS_O = ${Math.ceil(p.outChannels / channels)}u; // ${channels} channels each

@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let j = id.x % PIECES * ${wide}u;
  let i = id.x / PIECES % ${v.count}u;
  let c = id.x / (PIECES * ${v.count}u) % IN_CHANNELS;
  let channel = id.x / (PIECES * ${v.count}u * IN_CHANNELS) * ${channels}u;
  if (channel >= OUT_CHANNELS) { return; }
  let group = id.y % ${p.groups}u;
  let part = id.y / ${p.groups}u;
${range(channels).flatMap((r) => range(wide).map((t) => `  var acc${r}_${t} = vec4f();`))}
  for (var n = 0u; n < ${perPart}u; n++) {
    let image = (part * ${perPart}u + n) * ${p.groups}u + group;
    #if ${p.images % p.parts !== 0}
    if (image >= ${p.images * p.groups}u) { break; }
    #endif
    for (var y = 0u; y < ${v.positions}u; y++) {
      let in_row = ${moved(times("y", v.stride), v.offset)} + i * ${v.shift}u;
      #if ${guardRow}
      if (in_row >= ${input.height}u) { continue; }
      #endif
      let line = ((image * IN_CHANNELS + c) * ${input.height}u + in_row) * ${input.width}u;
      let grad_row = (image * OUT_CHANNELS + channel) * PIXELS + y * ${h.positions}u;
      for (var q = 0u; q < ${Math.ceil(h.positions / 4)}u; q++) {
        let left = ${moved(times("(4u * q)", h.stride), h.offset)} + j * ${h.shift}u;
${distances.map((distance, d) => `        let x${d} = ${load(distance)};`)}
        #if ${ragged}
        let inside = 4u * q + vec4u(0u, 1u, 2u, 3u) < vec4u(${h.positions}u);
        #endif
${range(channels).flatMap((r) => {
  const at = plus("grad_row", `${r * v.positions * h.positions}u`, "4u * q");
  const four = ragged
    ? `select(vec4f(), vec4f(${range(4)
        .map((k) => widened(p.type, `dy[${plus(at, `${k}u`)}]`))
        .join(", ")}), inside)`
    : widened4(p.type, `dy[(${at}) / 4u]`);
  return [`        let g${r} = ${four};`];
})}
${range(wide).flatMap((t) => [
  `        let p${t} = vec4f(${range(4)
    .map((q) => `x${distances.indexOf(q * h.stride + t * h.shift)}`)
    .join(", ")});`,
  ...range(channels).map((r) => `        acc${r}_${t} += g${r} * p${t};`),
])}
      }
    }
  }
  let at = part * ${size}u + (((group * OUT_CHANNELS + channel) * IN_CHANNELS + c) * ${v.count}u + i) * ${h.count}u + j;
${range(channels).flatMap((r) =>
  range(wide).map((t) => {
    const guards = [
      ...(p.outChannels % channels === 0 || r === 0 ? [] : [`${shifted("channel", r)} < OUT_CHANNELS`]),
      ...(h.count % wide === 0 || t === 0 ? [] : [`${shifted("j", t)} < ${h.count}u`]),
    ];
    const store = `dw[${plus("at", `${r * p.inChannels * v.count * h.count + t}u`)}] = ${narrowed(p.outputType, `dot(acc${r}_${t}, vec4f(1.0))`)};`;
    return guards.length > 0 ? `  if (${guards.join(" && ")}) { ${store} }` : `  ${store}`;
  }),
)}
}
`;
}

/** The same through workgroup memory: a 64×64 tile of output channels × patch columns, over the pixels of one part. */
export function weightGradTiled(p: WeightGradParams): string {
  const { vertical: v, horizontal: h, input } = p;
  const pixels = v.positions * h.positions;
  const taps = v.count * h.count;
  const columns = p.inChannels * taps;
  const perPart = Math.ceil(p.images / p.parts) * pixels;
  return wgsl`
${storage(0, "input", "read", p.type, input.length)}
${storage(1, "dy", "read", p.type, p.gradLength)}
${storage(2, "dw", "read_write", p.outputType, p.outputLength)}
// Pixel k counts through all images.
fn input_at(group: u32, k: u32, column: u32) -> ${p.type} {
  let pixel = k % ${pixels}u;
  let t = column % ${taps}u;
  let row = ${moved(times(`(pixel / ${h.positions}u)`, v.stride), v.offset)} + t / ${h.count}u * ${v.shift}u;
  let col = ${moved(times(`(pixel % ${h.positions}u)`, h.stride), h.offset)} + t % ${h.count}u * ${h.shift}u;
  let plane = (k / ${pixels}u * ${p.groups}u + group) * ${p.inChannels}u + column / ${taps}u;
  return select(${p.type}(), input[(plane * ${input.height}u + row) * ${input.width}u + col], row < ${input.height}u && col < ${input.width}u);
}
fn put(part: u32, channels: u32, row: u32, col: u32, sum: f32) {
  if (row >= ${p.outChannels}u || col >= ${columns}u) { return; }
  dw[((part * ${p.groups}u + channels) * ${p.outChannels}u + row) * ${columns}u + col] = ${narrowed(p.outputType, "sum")};
}
${tiled({
  type: p.type,
  prologue: [`let channels = group.z % ${p.groups}u; // group of channels`, `let part = group.z / ${p.groups}u;`],
  a: (row, k) =>
    `dy[((${k} / ${pixels}u * ${p.groups}u + channels) * ${p.outChannels}u + ${row}) * ${pixels}u + ${k} % ${pixels}u]`,
  b: (k, col) => `input_at(channels, ${k}, ${col})`,
  aAlongK: true,
  bAlongK: true,
  from: `part * ${perPart}u`,
  to: `min((part + 1u) * ${perPart}u, ${p.images * pixels}u)`,
  slices: Math.ceil(perPart / 16),
  put: (row, col, value) =>
    range(4)
      .map((q) => `put(part, channels, ${row}, ${shifted(col, q)}, ${value}.${lanes[q]!});`)
      .join(" "),
})}`;
}

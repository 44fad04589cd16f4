import { finishing, lanes, type Results, range } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { widened } from "./lib/half.wgsl.ts";
import { matrixOf, vectorOf } from "./lib/matrix.wgsl.ts";
import { enableQuads, swapped } from "./lib/quads.wgsl.ts";
import { tiled } from "./lib/tile.wgsl.ts";
import { plus, type Scalar, shifted, times } from "./lib/view.wgsl.ts";
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
export interface ConvolutionParams {
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
export const reaches = ({ count, stride, offset, shift, positions }: Taps, size: number): boolean => {
  const ends = [0, (positions - 1) * stride].flatMap((at) => [at + offset, at + offset + (count - 1) * shift]);
  return Math.min(...ends) < 0 || Math.max(...ends) >= size;
};

/** `name + constant` for constants of either sign; u32 wraps, so "before the input" is a huge number. */
export const moved = (name: string, by: number): string =>
  by === 0 ? name : by > 0 ? `${name} + ${by}u` : `${name} - ${-by}u`;

/** Position of the first result column in the result, from its number. */
const placed = (name: string, { phase, spacing }: Taps): string => plus(times(name, spacing), `${phase}u`);

export interface CorrelateShape {
  /** Results that one invocation owns: channels, and columns in groups of four. */
  readonly channels: number;
  readonly columns: number;
  /** Whether four neighbouring invocations own the same results of four images, and share what they load of the weight. */
  readonly quads?: boolean;
}

/**
 * Implicit GEMM of a convolution: out[n, o, y, x] = finish(Σ weight[o, c, i, j] · input[n, c, …, …]) without ever storing the
 * matrix of input patches. One invocation owns CHANNELS × 4·COLUMNS neighbouring results of a row; it walks input channels and
 * kernel rows, loads the stretch of input that its columns share into registers once, and multiplies it with every element
 * of the kernel row. No workgroup memory, no barrier. Depthwise is the case of one channel a group.
 */
export function correlateDirect(p: CorrelateParams, shape: CorrelateShape, workgroup: number): string {
  const { channels, columns, quads } = shape;
  const { vertical: v, horizontal: h, input, weight } = p;
  const adjacent = h.spacing === 1;
  const finish = finishing(p, adjacent ? 4 : 1);
  const width = 4 * columns;
  // Where one invocation owns a whole row, it is known here which loads lie outside the input.
  const whole = h.positions <= width;
  const outside = (distance: number) => whole && (h.offset + distance < 0 || h.offset + distance >= input.width);
  // Distinct input elements that the columns meet, as distances from the first column's first tap.
  const distances = [...new Set(range(width).flatMap((q) => range(h.count).map((t) => q * h.stride + t * h.shift)))]
    .filter((distance) => !outside(distance))
    .sort((a, b) => a - b);
  const nameOf = (distance: number) => (outside(distance) ? "0.0" : `x${distances.indexOf(distance)}`);
  const guardRow = reaches(v, input.height);
  const guardColumn = !whole && reaches({ ...h, positions: Math.ceil(h.positions / width) * width }, input.width);
  const load = (distance: number): string => {
    const at = whole ? `${h.offset + distance}u` : moved("left", distance);
    const value = widened(p.type, `input[${plus("line", at)}]`);
    return guardColumn ? `select(0.0, ${value}, ${at} < ${input.width}u)` : value;
  };
  const { load: weights, of: weightOf, channelOf } = weightLoads(p, channels, quads === true);
  // Up to four taps at a time, as matrices of WGSL: 4 columns × taps, times the taps of a channel.
  const multiply = range(Math.ceil(h.count / 4)).flatMap((i) => {
    const taps = range(Math.min(4, h.count - 4 * i)).map((t) => 4 * i + t);
    const fours = (c: number) => taps.map((t) => range(4).map((q) => nameOf((4 * c + q) * h.stride + t * h.shift)));
    const met = range(columns).filter((c) =>
      fours(c)
        .flat()
        .some((name) => name !== "0.0"),
    );
    return [
      ...met.map((c) => `let p${i}_${c} = ${matrixOf(fours(c).map((four) => `vec4f(${four.join(", ")})`))};`),
      ...range(channels).flatMap((r) => [
        `let w${i}_${r} = ${vectorOf(taps.map((t) => weightOf(t, r)))};`,
        ...met.map((c) => `acc${r}_${c} += p${i}_${c} * w${i}_${r};`),
      ]),
    ];
  });
  return wgsl`
${quads ? enableQuads : ""}
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
  #if ${quads === true}
  let lane = id.x % 4u;
  let block = id.x / 4u;
  let image = id.y / ${p.groups}u * 4u + lane;
  #else
  let block = id.x;
  let image = id.y / ${p.groups}u;
  #endif
  let x = block % BLOCKS_X * ${width}u;
  let y = block / BLOCKS_X % BLOCKS_Y;
  let channel = block / (BLOCKS_X * BLOCKS_Y) * ${channels}u;
  if (channel >= OUT_CHANNELS) { return; }
  let group = id.y % ${p.groups}u;
  let batch = image * ${p.groups}u + group;
  let out_row = ${placed("y", v)};
  let out_col = ${placed("x", h)};
  #if ${!whole}
  let left = ${moved(times("x", h.stride), h.offset)};
  #endif
  #if ${guardRow}
${insideTaps(v, input.height).map((line) => `  ${line}`)}
  #endif
${range(channels).flatMap((r) => range(columns).map((c) => `  var acc${r}_${c} = vec4f();`))}
  for (var c = 0u; c < IN_CHANNELS; c++) {
    let plane = (batch * IN_CHANNELS + c) * ${input.height * input.width}u;
    let kernel = ${plus(times("group", weight.strides[0]), times("channel", weight.strides[1]), times("c", weight.strides[2]))};
    for (var t = ${guardRow ? "first" : "0u"}; t < ${guardRow ? "last" : `${v.count}u`}; t++) {
      let in_row = ${moved(times("y", v.stride), v.offset)} ${v.shift < 0 ? `- t * ${-v.shift}u` : `+ t * ${v.shift}u`};
      let line = plane + in_row * ${input.width}u;
      let kernel_row = kernel + (${v.first}u + t * ${v.step}u) * ${weight.strides[3]}u;
${weights.map((line) => `      ${line}`)}
${distances.map((distance) => `      let ${nameOf(distance)} = ${load(distance)};`)}
${multiply.map((line) => `      ${line}`)}
    }
  }
  #if ${quads === true && p.images % 4 !== 0}
  if (image >= ${p.images}u) { return; }
  #endif
  var sums = array<vec4f, ${channels * columns}>(${range(channels)
    .flatMap((r) => range(columns).map((c) => `acc${r}_${c}`))
    .join(", ")});
  for (var i = 0u; i < ${channels * columns}u; i++) {
    let own = channel + ${channelOf(columns === 1 ? "i" : `(i / ${columns}u)`)};
    #if ${p.outChannels % channels !== 0}
    if (own >= OUT_CHANNELS) { continue; }
    #endif
    let from_ = out_col + i % ${columns}u * ${4 * h.spacing}u;
    #if ${adjacent}
    finish(batch * OUT_CHANNELS + own, out_row, from_, sums[i]);
    #else
    for (var q = 0u; q < 4u; q++) { finish(batch * OUT_CHANNELS + own, out_row, from_ + q * ${h.spacing}u, sums[i][q]); }
    #endif
  }
}
`;
}

/** The taps from `first` up to `last` whose rows lie inside the input, for result row `y`. */
function insideTaps({ count, stride, offset, shift }: Taps, height: number): string[] {
  const step = Math.abs(shift);
  const base = `let base = i32(${times("y", stride)}) + ${offset};`;
  const [first, last] =
    shift > 0
      ? [`(${step - 1} - base) / ${step}`, `(${height + step - 1} - base) / ${step}`]
      : [`(base - ${height - step}) / ${step}`, `(base + ${step}) / ${step}`];
  return [base, `let first = u32(max(0, ${first}));`, `let last = u32(clamp(${last}, 0, ${count}));`];
}

/**
 * How an invocation comes by the kernel row's elements for tap t and its channel number r: it loads them all, or every fourth channel
 * (every fourth tap, where channels are fewer) and has the others from its neighbours; and which of the channels that one is.
 */
function weightLoads({ type, horizontal: h, weight }: CorrelateParams, channels: number, quads: boolean) {
  const at = (from: string, r: number, t: number): string =>
    widened(type, `weight[${plus(from, `${r * weight.strides[1] + h.first + t * h.step}u`)}]`);
  const channelOf = (r: string): string => r;
  if (!quads) return { load: [], of: (t: number, r: number) => at("kernel_row", r, t), channelOf };
  if (channels % 4 === 0) {
    return {
      load: [
        `let own_row = kernel_row + lane * ${weight.strides[1]}u;`,
        ...range(h.count).flatMap((t) =>
          range(channels / 4).map((i) => `let own${t}_${i} = ${at("own_row", 4 * i, t)};`),
        ),
      ],
      of: (t: number, r: number) => swapped(`own${t}_${r >> 2}`, r & 3),
      channelOf: (r: string) => `(${r} ^ lane)`,
    };
  }
  return {
    load: [
      `let own_row = kernel_row + lane * ${h.step}u;`,
      ...range(channels).flatMap((r) =>
        range(Math.ceil(h.count / 4)).map((i) => `let own${r}_${i} = ${at("own_row", r, 4 * i)};`),
      ),
    ],
    of: (t: number, r: number) => `quadBroadcast(own${r}_${t >> 2}, ${t & 3}u)`,
    channelOf,
  };
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
  a: { at: kernel, alongK: weight.strides[2] < weight.strides[1] },
  b: { at: (col, k) => `input_at(batch, ${k}, ${col})`, alongK: false },
  from: "0u",
  to: `${p.inChannels * taps}u`,
  longest: p.inChannels * taps,
  put: (row, col, value) =>
    range(4)
      .map((q) => `put(batch, ${row}, ${shifted(col, q)}, ${value}.${lanes[q]!});`)
      .join(" "),
})}`;
}

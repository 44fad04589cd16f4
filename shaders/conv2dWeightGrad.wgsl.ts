import { type ConvolutionParams, moved, reaches } from "./conv2d.wgsl.ts";
import { lanes, range } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { narrowed, widened } from "./lib/half.wgsl.ts";
import { enableQuads } from "./lib/quads.wgsl.ts";
import { tiled } from "./lib/tile.wgsl.ts";
import { plus, type Scalar, shifted, times, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

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
export function weightGradDirect(p: WeightGradParams, channels: number, workgroup: number): string {
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
    : widened(p.type, `dy[(${at}) / 4u]`, 4);
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

/**
 * The same in quads: the four invocations of one own CHANNELS output channels each, the same KERNEL_ROWS rows of the kernel for one
 * input channel, and share what they load of the input. A stretch of dy serves all of these rows.
 */
export function weightGradQuads(p: WeightGradParams, shape: WeightGradQuads, workgroup: number): string {
  const { vertical: v, horizontal: h, input } = p;
  const { channels, kernelRows, wide, pieces, rowBlocks, blocks, units } = quadUnits(
    { ...p, kernel: [v.count, h.count] },
    shape,
  );
  const vectors = h.positions % 4 === 0;
  const guardRow = reaches({ ...v, count: rowBlocks * kernelRows }, input.height);
  const guardColumn = reaches({ ...h, count: pieces * wide }, input.width);
  const perPart = Math.ceil(p.images / p.parts);
  const size = p.groups * p.outChannels * p.inChannels * v.count * h.count;
  const pixels = v.positions * h.positions;
  /** Products of `depth` pixels of a row, the first of them at 4 · `q`. */
  const block = (q: string, depth: number): string[] => {
    const span = (depth - 1) * h.stride + (wide - 1) * h.shift + 1;
    const lines = [`let left = ${moved(times(`(4u * ${q})`, h.stride), h.offset)} + j * ${h.shift}u;`];
    for (const r of range(channels)) {
      const at = plus("grad_row", `${r * pixels}u`, `4u * ${q}`);
      if (vectors) lines.push(`let g${r} = ${widened(p.type, `dy[(${at}) / 4u]`, 4)};`);
      else for (const d of range(depth)) lines.push(`let g${r}_${d} = ${widened(p.type, `dy[${plus(at, `${d}u`)}]`)};`);
    }
    for (const i of range(kernelRows)) {
      const row = `in_row${i}`;
      lines.push(`let ${row} = ${shifted("in_row", i * v.shift)};`, "{");
      lines.push(`  let line = plane + ${row} * ${input.width}u + left + lane;`);
      for (const k of range(Math.ceil(span / 4))) {
        const value = widened(p.type, `input[${plus("line", `${4 * k}u`)}]`);
        const inside = [
          ...(guardRow ? [`${row} < ${input.height}u`] : []),
          ...(guardColumn ? [`${plus("left", "lane", `${4 * k}u`)} < ${input.width}u`] : []),
        ].join(" && ");
        lines.push(`  let own${k} = ${inside ? `select(0.0, ${value}, ${inside})` : value};`);
      }
      for (const d of range(span)) lines.push(`  let x${d} = quadBroadcast(own${d >> 2}, ${d & 3}u);`);
      for (const t of range(wide)) {
        const met = range(depth).map((d) => `x${d * h.stride + t * h.shift}`);
        if (vectors) lines.push(`  let p${t} = vec4f(${met.join(", ")});`);
        for (const r of range(channels)) {
          const sum = vectors ? `dot(g${r}, p${t})` : met.map((x, d) => `g${r}_${d} * ${x}`).join(" + ");
          lines.push(`  acc${r}_${i}_${t} += ${sum};`);
        }
      }
      lines.push("}");
    }
    return lines;
  };
  const owned = range(channels).flatMap((r) => range(kernelRows).flatMap((i) => range(wide).map((t) => ({ r, i, t }))));
  const put = owned.map(({ r, i, t }) => {
    const at = plus("at", `${(r * p.inChannels * v.count + i) * h.count + t}u`);
    const store = `dw[${at}] = ${narrowed(p.outputType, `acc${r}_${i}_${t}`)};`;
    const guards = [
      ...(p.outChannels % (4 * channels) === 0 ? [] : [`${shifted("channel", r)} < OUT_CHANNELS`]),
      ...(v.count % kernelRows === 0 ? [] : [`${shifted("i", i)} < ${v.count}u`]),
      ...(h.count % wide === 0 ? [] : [`${shifted("j", t)} < ${h.count}u`]),
    ];
    return guards.length > 0 ? `if (${guards.join(" && ")}) { ${store} }` : store;
  });
  return wgsl`
${enableQuads}
${storage(0, "input", "read", p.type, input.length)}
${vectors ? storage(1, "dy", "read", vec4Of[p.type], p.gradLength / 4) : storage(1, "dy", "read", p.type, p.gradLength)}
${storage(2, "dw", "read_write", p.outputType, p.outputLength)}
const OUT_CHANNELS = ${p.outChannels}u; // per group, like IN_CHANNELS
const IN_CHANNELS = ${p.inChannels}u;
const PIECES = ${pieces}u; // of ${wide} columns of the kernel
const ROW_BLOCKS = ${rowBlocks}u; // of ${kernelRows} rows of the kernel
const BLOCKS_O = ${blocks}u; // of 4 × ${channels} channels
const UNITS = ${units}u;

@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let lane = id.x % 4u;
  let unit = id.x / 4u % UNITS;
  let part = id.x / 4u / UNITS;
  if (part >= ${p.parts}u) { return; }
  let j = unit % PIECES * ${wide}u;
  let i = unit / PIECES % ROW_BLOCKS * ${kernelRows}u;
  let c = unit / (PIECES * ROW_BLOCKS) % IN_CHANNELS;
  let channel = (unit / (PIECES * ROW_BLOCKS * IN_CHANNELS) * 4u + lane) * ${channels}u;
  let group = id.y;
${owned.map(({ r, i, t }) => `  var acc${r}_${i}_${t} = 0.0;`)}
  for (var n = part * ${perPart}u; n < min((part + 1u) * ${perPart}u, ${p.images}u); n++) {
    let image = n * ${p.groups}u + group;
    let plane = (image * IN_CHANNELS + c) * ${input.height * input.width}u;
    for (var y = 0u; y < ${v.positions}u; y++) {
      let in_row = ${moved(times("y", v.stride), v.offset)} + i * ${v.shift}u;
      let grad_row = (image * OUT_CHANNELS + channel) * ${pixels}u + y * ${h.positions}u;
      #if ${h.positions >= 4}
      for (var q = 0u; q < ${h.positions >> 2}u; q++) {
${block("q", 4).map((line) => `        ${line}`)}
      }
      #endif
      #if ${!vectors}
      {
${block(`${h.positions >> 2}u`, h.positions % 4 || 1).map((line) => `        ${line}`)}
      }
      #endif
    }
  }
  let at = part * ${size}u + (((group * OUT_CHANNELS + channel) * IN_CHANNELS + c) * ${v.count}u + i) * ${h.count}u + j;
${put.map((line) => `  ${line}`)}
}
`;
}

/** What a quad owns at most. */
export interface WeightGradQuads {
  readonly channels: number;
  readonly kernelRows: number;
}

/** How the gradient of a weight of `kernel` [rows, columns] is cut into quads, per group. */
export function quadUnits(
  { outChannels, inChannels, kernel }: { outChannels: number; inChannels: number; kernel: readonly [number, number] },
  shape: WeightGradQuads,
) {
  const channels = Math.min(shape.channels, Math.ceil(outChannels / 4));
  const kernelRows = Math.min(shape.kernelRows, kernel[0]);
  const wide = Math.min(8, kernel[1]);
  const pieces = Math.ceil(kernel[1] / wide);
  const rowBlocks = Math.ceil(kernel[0] / kernelRows);
  const blocks = Math.ceil(outChannels / (4 * channels));
  return { channels, kernelRows, wide, pieces, rowBlocks, blocks, units: pieces * rowBlocks * inChannels * blocks };
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
  a: {
    at: (row, k) =>
      `dy[((${k} / ${pixels}u * ${p.groups}u + channels) * ${p.outChannels}u + ${row}) * ${pixels}u + ${k} % ${pixels}u]`,
    alongK: true,
  },
  b: { at: (col, k) => `input_at(channels, ${k}, ${col})`, alongK: true },
  from: `part * ${perPart}u`,
  to: `min((part + 1u) * ${perPart}u, ${p.images * pixels}u)`,
  longest: perPart,
  put: (row, col, value) =>
    range(4)
      .map((q) => `put(part, channels, ${row}, ${shifted(col, q)}, ${value}.${lanes[q]!});`)
      .join(" "),
})}`;
}

import { storage } from "./lib/grid.wgsl.ts";
import { elementAt, plus, type Scalar, shifted, times, type ViewParams, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** One factor. Its element (batch, i, j) is `batch` at the batch's number + i · strides[0] + j · strides[1]. */
export interface Operand {
  readonly batch: ViewParams;
  readonly strides: readonly [number, number];
  /** Elements of the bound range. */
  readonly length: number;
}

/** What is done with each sum before it is stored: the body of an elementwise kernel whose first input is the sum. */
export interface Epilogue {
  readonly inputs: readonly (Operand & { readonly type: Scalar })[];
  /** Statements over `x0` (the sum), `x1`, … and the names of the values to store. */
  readonly body: readonly string[];
  readonly values: readonly string[];
  readonly lib: readonly string[];
  readonly usesIndex: boolean;
}

export interface MatmulParams {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches: number;
  readonly a: Operand;
  readonly b: Operand;
  readonly epilogue: Epilogue;
  readonly outputs: readonly { readonly type: Scalar; readonly length: number }[];
}

const lanes = ["x", "y", "z", "w"] as const;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Whether four neighbours along an operand's axis `along` can be loaded as one aligned vec4. */
const loadsVectors = ({ strides, batch }: Operand, along: 0 | 1): boolean =>
  strides[along] === 1 &&
  strides[1 - along]! % 4 === 0 &&
  batch.offset % 4 === 0 &&
  batch.strides.every((stride) => stride % 4 === 0);

/** Declarations of everything bound: a, b, the epilogue's inputs, the results. */
function bindings(
  p: MatmulParams,
  aVectors: boolean,
  bVectors: boolean,
  wide: readonly boolean[],
  stores: boolean,
): string[] {
  const declare = (i: number, name: string, type: Scalar, length: number, vectors: boolean, write = false) =>
    storage(i, name, write ? "read_write" : "read", vectors ? vec4Of[type] : type, vectors ? length / 4 : length);
  const { inputs } = p.epilogue;
  return [
    declare(0, "a", "f32", p.a.length, aVectors),
    declare(1, "b", "f32", p.b.length, bVectors),
    ...inputs.map(({ type, length }, i) => declare(2 + i, `e${i}`, type, length, wide[i]!)),
    ...p.outputs.map(({ type, length }, i) => declare(2 + inputs.length + i, `y${i}`, type, length, stores, true)),
  ];
}

/**
 * `fn finish(batch, row, col, x0: F)`: runs the epilogue on `width` neighbouring sums of a row and stores those that lie inside
 * the result.
 */
function finishText(p: MatmulParams, width: 1 | 4): { text: string; wide: boolean[]; stores: boolean } {
  const { m, n, epilogue, outputs } = p;
  const stores = width === 4 && n % 4 === 0;
  const wide = epilogue.inputs.map((input) => width === 4 && n % 4 === 0 && loadsVectors(input, 1));
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
      i === 0 ? `y${o}[at] = ${value}.x;` : `if (col + ${i}u < N) { y${o}[at + ${i}u] = ${value}.${lane}; }`,
    );
  });
  return {
    wide,
    stores,
    text: wgsl`
alias F = ${vectorOf("f32")};
alias I = ${vectorOf("i32")};
alias U = ${vectorOf("u32")};
const M = ${m}u;
const N = ${n}u;
const K = ${p.k}u;
${epilogue.lib}
fn finish(batch: u32, row: u32, col: u32, x0: F) {
  if (row >= M || col >= N) { return; }
  let at = (batch * M + row) * N + col;
  #if ${epilogue.usesIndex}
  let index = at + ${width === 4 ? "vec4u(0u, 1u, 2u, 3u)" : "0u"};
  #endif
${[...loads, ...epilogue.body, ...put].map((line) => `  ${line}`)}
}
`,
  };
}

/** out[M,N] = finish(a[M,K] · b[K,N]): the definition, one invocation per result. Every other variant is held to it. */
export function matmulNaive(p: MatmulParams): string {
  const { text, wide, stores } = finishText(p, 1);
  return wgsl`
${bindings(p, false, false, wide, stores)}
${text}
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y;
  let col = id.x;
  var sum = 0.0;
  for (var k = 0u; k < K; k++) {
    sum += a[${plus(elementAt(p.a.batch, "id.z"), times("row", p.a.strides[0]), times("k", p.a.strides[1]))}]
         * b[${plus(elementAt(p.b.batch, "id.z"), times("k", p.b.strides[0]), times("col", p.b.strides[1]))}];
  }
  finish(id.z, row, col, sum);
}
`;
}

export interface DirectShape {
  /** Results that one invocation owns: rows, and columns in groups of four. */
  readonly rows: number;
  readonly columns: number;
  readonly workgroup: number;
}

/**
 * out[M,N] = finish(a[M,K] · b[K,N]). One invocation owns ROWS × 4·COLUMNS results in registers and walks K in steps of four;
 * no workgroup memory, no barrier: the variant for CPU adapters and for results too small to fill a GPU with tiles.
 *
 * Loads are vec4 along whichever axis of an operand is contiguous, so neither operand is ever transposed in memory. Rows and
 * columns beyond the result read whatever the bounds check hands out, and are not stored.
 */
export function matmulDirect(p: MatmulParams, { rows, columns, workgroup }: DirectShape): string {
  const { text, wide, stores } = finishText(p, 4);
  const aAlongK = loadsVectors(p.a, 1);
  const aAlongM = !aAlongK && rows % 4 === 0 && loadsVectors(p.a, 0);
  const bAlongN = loadsVectors(p.b, 1);
  const bAlongK = !bAlongN && loadsVectors(p.b, 0);
  const quads = Math.floor(p.k / 4);
  const rest = p.k % 4;

  /** Loads and multiply-adds of `depth` steps along K from `k`, which counts in fours as `q`. */
  const block = (q: string, depth: number): string[] => {
    const k = (d: number) => (d === 0 ? `4u * ${q}` : `(4u * ${q} + ${d}u)`);
    const lines: string[] = [];
    if (aAlongK) for (const r of range(rows)) lines.push(`let a${r} = a[a_from${r} + ${q}];`);
    else if (aAlongM)
      for (const d of range(depth))
        for (const j of range(rows / 4))
          lines.push(
            `let a${d}_${j} = a[${shifted(`(${plus("a_base", times(k(d), p.a.strides[1]), "row")}) / 4u`, j)}];`,
          );
    else
      for (const r of range(rows))
        for (const d of range(depth))
          lines.push(`let a${r}_${d} = a[${plus(`a_from${r}`, times(k(d), p.a.strides[1]))}];`);
    const aAt = (r: number, d: number) =>
      aAlongK ? `a${r}.${lanes[d]}` : aAlongM ? `a${d}_${r >> 2}.${lanes[r & 3]}` : `a${r}_${d}`;
    if (bAlongK) for (const c of range(4 * columns)) lines.push(`let bk${c} = b[b_from${c} + ${q}];`);
    for (const d of range(depth)) {
      for (const c of range(columns)) {
        const four = range(4).map((i) => 4 * c + i);
        const value = bAlongN
          ? `b[${shifted(`(${plus("b_base", times(k(d), p.b.strides[0]), "col")}) / 4u`, c)}]`
          : bAlongK
            ? `vec4f(${four.map((i) => `bk${i}.${lanes[d]}`).join(", ")})`
            : `vec4f(${four.map((i) => `b[${plus("b_base", times(k(d), p.b.strides[0]), times(shifted("col", i), p.b.strides[1]))}]`).join(", ")})`;
        lines.push(`let b${d}_${c} = ${value};`);
      }
      for (const r of range(rows))
        for (const c of range(columns)) lines.push(`acc${r}_${c} += ${aAt(r, d)} * b${d}_${c};`);
    }
    return lines;
  };

  const aRow = (r: number) => `(${plus("a_base", times(shifted("row", r), p.a.strides[0]))})${aAlongK ? " / 4u" : ""}`;
  return wgsl`
${bindings(p, aAlongK || aAlongM, bAlongN || bAlongK, wide, stores)}
${text}
const TILES_M = ${Math.ceil(p.m / rows)}u; // ${rows} rows each
const TILES_N = ${Math.ceil(p.n / (4 * columns))}u; // ${4 * columns} columns each

@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let batch = id.y;
  let col = id.x % TILES_N * ${4 * columns}u;
  let row = id.x / TILES_N * ${rows}u;
  if (row >= M) { return; }
  let a_base = ${elementAt(p.a.batch, "batch")};
  let b_base = ${elementAt(p.b.batch, "batch")};
${aAlongM ? [] : range(rows).map((r) => `  let a_from${r} = ${aRow(r)};`)}
${bAlongK ? range(4 * columns).map((c) => `  let b_from${c} = (${plus("b_base", times(shifted("col", c), p.b.strides[1]))}) / 4u;`) : []}
${range(rows).flatMap((r) => range(columns).map((c) => `  var acc${r}_${c} = vec4f();`))}
  #if ${quads > 0}
  for (var q = 0u; q < ${quads}u; q++) {
${block("q", 4).map((line) => `    ${line}`)}
  }
  #endif
  #if ${rest > 0}
  {
${block(`${quads}u`, rest).map((line) => `    ${line}`)}
  }
  #endif
${range(rows).flatMap((r) => range(columns).map((c) => `  finish(batch, ${shifted("row", r)}, ${shifted("col", 4 * c)}, acc${r}_${c});`))}
}
`;
}

/** Side of the square of results that a workgroup owns, and depth of the slices of a and b that it holds. */
export const tileSide = 64;
const tileDepth = 16;

/**
 * out[M,N] = finish(a[M,K] · b[K,N]). A workgroup of 16×16 invocations owns 64×64 results; it carries slices of 16 along K of both
 * operands into workgroup memory (8 KiB), from where each invocation multiplies its 4×4. The variant for GPUs.
 */
export function matmulTiled(p: MatmulParams): string {
  const { text, wide, stores } = finishText(p, 4);
  const element = (o: Operand, name: string, i: string, j: string) =>
    `${name}[${plus(`${name}_base`, times(i, o.strides[0]), times(j, o.strides[1]))}]`;
  // Neighbouring invocations load neighbours in memory: along K where K is contiguous, along the side otherwise.
  const places = (alongK: boolean) => (alongK ? ["lane % 16u", "lane / 16u"] : ["lane / 16u", "lane % 16u"]);
  const [aK, aSide] = places(p.a.strides[1] === 1);
  const [bK, bSide] = places(p.b.strides[0] === 1 && p.b.strides[1] !== 1);
  return wgsl`
${bindings(p, false, false, wide, stores)}
${text}
// Slice of a, transposed, and of b: vec4 [k][side / 4].
var<workgroup> slice_a: array<vec4f, ${(tileDepth * tileSide) / 4}>;
var<workgroup> slice_b: array<vec4f, ${(tileDepth * tileSide) / 4}>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.z;
  let a_base = ${elementAt(p.a.batch, "batch")};
  let b_base = ${elementAt(p.b.batch, "batch")};
  let row = group.y * ${tileSide}u + lane / 16u * 4u;
  let col = group.x * ${tileSide}u + lane % 16u * 4u;
  var acc0 = vec4f();
  var acc1 = vec4f();
  var acc2 = vec4f();
  var acc3 = vec4f();
  for (var s = 0u; s < ${Math.ceil(p.k / tileDepth)}u; s++) {
    let ka = s * ${tileDepth}u + ${aK!};
    let ma = group.y * ${tileSide}u + 4u * (${aSide!});
    let kb = s * ${tileDepth}u + ${bK!};
    let nb = group.x * ${tileSide}u + 4u * (${bSide!});
    // Beyond K both slices hold zeros: whatever lies there in memory might not be a number.
    slice_a[(${aK!}) * 16u + ${aSide!}] = select(vec4f(), vec4f(${range(4)
      .map((i) => element(p.a, "a", shifted("ma", i), "ka"))
      .join(", ")}), ka < K);
    slice_b[(${bK!}) * 16u + ${bSide!}] = select(vec4f(), vec4f(${range(4)
      .map((i) => element(p.b, "b", "kb", shifted("nb", i)))
      .join(", ")}), kb < K);
    workgroupBarrier();
    for (var k = 0u; k < ${tileDepth}u; k++) {
      let va = slice_a[k * 16u + lane / 16u];
      let vb = slice_b[k * 16u + lane % 16u];
      acc0 += va.x * vb;
      acc1 += va.y * vb;
      acc2 += va.z * vb;
      acc3 += va.w * vb;
    }
    // Nobody may overwrite the slices while another invocation still reads them.
    workgroupBarrier();
  }
  finish(batch, row, col, acc0);
  finish(batch, row + 1u, col, acc1);
  finish(batch, row + 2u, col, acc2);
  finish(batch, row + 3u, col, acc3);
}
`;
}

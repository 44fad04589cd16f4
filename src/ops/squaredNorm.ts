import { legacy } from "../../shaders/lib/legacy.ts";
import { squaredNorm as squaredNormKernel } from "../../shaders/squaredNorm.wgsl.ts";
import { checkList, DTypeError } from "../errors.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { apply, type Node, type Op, type Spec, type Tensor } from "../graph/tensor.ts";
import { bind, type KernelCall, type View } from "../kernels/call.ts";
import { chooseWay, lineVariants } from "../kernels/lines.ts";
import type { Kernels, Lowering } from "../kernels/lowering.ts";
import { sumCalls } from "../kernels/reduce.ts";
import { mul } from "./arithmetic.ts";

/** Elements that one invocation (or workgroup) sums at a time. */
const piece = 1024;

function inferTotal(op: string, inputs: readonly Spec[]) {
  const other = inputs.find(({ dtype }) => dtype !== "f32");
  if (other) throw new DTypeError(`${op}: a tensor is ${other.dtype}, expected f32`);
  return [{ shape: [], dtype: "f32" }] as const;
}

const squaredNormOp: Op = {
  name: "squaredNorm",
  infer: (inputs) => inferTotal("squaredNorm", inputs),
  vjp: ({ inputs }, [dy]) => inputs.map((x) => dy && mul(mul(x, 2), dy)),
  kernels: {
    lower: ({ node }, to) => lowerTotal(node, to),
  } satisfies Kernels,
  describe: ({ inputs }) => `×${inputs.length}`,
};

/**
 * Σ x² over all elements of all tensors: the square of their 2-norm as one vector. Gradients lie side by side in memory, and
 * are then read by one dispatch. Sums follow a fixed tree, so they repeat to the bit.
 * @param tensors f32, of any shapes; at least one.
 * @returns `[]`
 */
export const squaredNorm = (tensors: readonly Tensor[]): Tensor<"f32"> =>
  apply(squaredNormOp, checkList("squaredNorm", "the list of tensors", tensors));

/** Numbers of NaN and infinite elements, by the same kernels. */
const nonFiniteOp: Op = {
  name: "nonFinite",
  infer: (inputs) => inferTotal("nonFinite", inputs),
  kernels: {
    lower: ({ node }, to) => lowerTotal(node, to),
  } satisfies Kernels,
  describe: squaredNormOp.describe!,
};

/** How many elements of all tensors are NaN or infinite, f32 `[]`. @param tensors f32, of any shapes; at least one. */
export const nonFinite = (tensors: readonly Tensor[]): Tensor => apply(nonFiniteOp, tensors);

export const squaredNormVariants = /* @__PURE__ */ lineVariants(squaredNormKernel);

/** A dispatch for each buffer that tensors lie in, neighbours in the list together, and the sum of what their pieces give. */
function lowerTotal(node: Node, to: Lowering): readonly KernelCall[] {
  const views = node.inputs.map((tensor) => to.contiguous(tensor));
  const pieces = node.inputs.reduce((total, { shape }) => total + Math.ceil(sizeOf(shape) / piece), 0);
  const out = to.scratch(`pieces of ${node.op.name}`, [pieces], "f32");
  const calls: KernelCall[] = [];
  let first = 0;
  for (let start = 0; start < views.length; ) {
    let end = start + 1;
    while (end < views.length && views[end]!.buffer === views[start]!.buffer) end++;
    const call = squaresCall(node, views.slice(start, end), out, first, to);
    calls.push(call.kernel);
    first += call.pieces;
    start = end;
  }
  const label = `${node.op.name}[${pieces}]`;
  return [...calls, ...sumCalls(label, { ...out, shape: [], strides: [] }, out, to.result(0)!, to)];
}

/** @param first number of the first piece's result. */
function squaresCall({ id, op }: Node, views: readonly View[], out: View, first: number, to: Lowering) {
  const low = Math.min(...views.map(({ base }) => base));
  const high = Math.max(...views.map(({ base, span }) => base + span));
  const table = views.flatMap(({ shape, base, dtype }) => {
    const n = sizeOf(shape);
    const from = (base - low) / bytesPer(dtype);
    return Array.from({ length: Math.ceil(n / piece) }, (_, i) => [from + i * piece, Math.min(piece, n - i * piece)]);
  });
  const places = to.constant(`pieces of ${op.name} ${id} from ${first}`, [table.length, 2], "u32", (data) =>
    data.set(table.flat()),
  );
  const whole: View = { ...views[0]!, base: low, span: high - low };
  const lines = { lines: table.length, length: piece };
  const { write, chosen } = chooseWay("squaredNorm", squaredNormVariants, lines, to.traits);
  const count = views.reduce((total, { shape }) => total + sizeOf(shape), 0);
  const kernel: KernelCall = {
    label: `${op.name}×${views.length}[${count}]:f32`,
    ...chosen,
    kernel: legacy(
      write({
        term: op === nonFiniteOp ? "nonFinite" : "square",
        pieces: table.length,
        first,
        piece,
        inputLength: whole.span / 4,
        tableLength: places.span / 4,
        outputLength: out.span / 4,
      }),
    ),
    bindings: [bind(whole, "read"), bind(places, "read"), bind(out, "read_write")],
    flops: 2 * count,
    bytes: 4 * count + places.span + 4 * table.length,
  };
  return { kernel, pieces: table.length };
}

import { largestHalf } from "../graph/half.ts";
import { asDType } from "../graph/program.ts";
import { rewrite, withInputs } from "../graph/rewrite.ts";
import { type Shape, sameShape, sizeOf } from "../graph/shape.ts";
import { apply, fullValue, type Node, type Tensor } from "../graph/tensor.ts";
import type { Trace } from "../graph/trace.ts";
import { kernelsOf } from "../kernels/lowering.ts";
import { inLayer } from "../layer.ts";
import { expand, part, reshape } from "../ops/moves/views.ts";
import { add, mul } from "../ops/pointwise/arithmetic.ts";
import { full } from "../ops/sources/constants.ts";

/**
 * Removes unnecessary work: common subexpressions, arithmetic on constants, views of views, adding 0 and multiplying by
 * 1. Changes only values that come from constants.
 */
export function simplify(roots: readonly Tensor[], trace?: Trace): Tensor[] {
  const known = new Map<string, readonly Tensor[]>();
  const numbers = new Map<object, number>();
  const numberOf = (thing: object): number => {
    const number = numbers.get(thing) ?? numbers.size;
    numbers.set(thing, number);
    return number;
  };
  const keyOf = (node: Node, inputs: readonly Tensor[]): string => {
    const attrs = JSON.stringify(node.attrs, (_, value) =>
      typeof value === "object" && value !== null && !Array.isArray(value) && value.constructor !== Object
        ? `#${numberOf(value)}`
        : value,
    );
    return `${numberOf(node.op)}(${inputs.map((input) => `${numberOf(input.node)}.${input.index}`).join()})${attrs}`;
  };
  const unique = new Set<Node>();
  const once = (node: Node, inputs: readonly Tensor[]): readonly Tensor[] => {
    const key = keyOf(node, inputs);
    const twin = known.get(key);
    if (twin) return twin;
    const results = withInputs(node, inputs);
    known.set(key, results);
    for (const { node: made } of results) unique.add(made);
    return results;
  };
  // A rule's result may already exist.
  const shared = (tensor: Tensor): Tensor => {
    const { node, index } = tensor;
    if (unique.has(node) || (node.op.source && node.op.name !== "full")) return tensor;
    return once(node, node.inputs.map(shared))[index]!;
  };
  const replace = (node: Node, inputs: readonly Tensor[]) => {
    if (node.op.source && node.op.name !== "full") return undefined;
    const simple = simpler(node, inputs);
    return simple ? [shared(simple)] : once(node, inputs);
  };
  return rewrite(roots, replace, trace);
}

/** Rules by op name; their inputs are already simplified. */
const rules: Record<string, (node: Node, inputs: readonly Tensor[]) => Tensor | undefined> = {
  expand: ({ results: [y] }, [x]) => (x!.node.op.name === "expand" ? expand(x!.node.inputs[0]!, y!.shape) : undefined),
  reshape: ({ results: [y] }, [x]) => {
    if (sameShape(x!.shape, y!.shape)) return x;
    return x!.node.op.name === "reshape" ? reshape(x!.node.inputs[0]!, y!.shape) : undefined;
  },
  permute: ({ attrs: { axes } }, [x]) => x!.node.op.permuted?.(x!.node, axes),
  // A small product with an inner size of 1 or 2 is cheaper as pointwise ops, which need no dispatch of their own.
  matmul({ results: [y] }, [a, b]) {
    const [k, last] = [b!.shape.at(-2)!, y!.shape.length - 1];
    if (k > 2 || sizeOf(y!.shape) > 4096 || y!.dtype !== "f32") return undefined;
    const terms = [0, 1]
      .slice(0, k)
      .map((i) => mul(expand(part(a!, last, i), y!.shape), expand(part(b!, last - 1, i), y!.shape)));
    return terms.reduce(add);
  },
  add(_, [a, b]) {
    if (fullValue(b!) === 0) return a;
    if (fullValue(a!) === 0) return b;
    // Shapes must match: no broadcasting.
    const alike = a!.node.op === b!.node.op && sameShape(a!.shape, b!.shape);
    return alike ? a!.node.op.plus?.(a!.node, b!.node) : undefined;
  },
  sub: (_, [a, b]) => (fullValue(b!) === 0 ? a : undefined),
  mul: (_, [a, b]) => (fullValue(b!) === 1 ? a : fullValue(a!) === 1 ? b : undefined),
  div: (_, [a, b]) => (fullValue(b!) === 1 ? a : undefined),
  // f32 represents every f16 exactly, but not the reverse.
  cast: ({ attrs: { to } }, [x]) => {
    const { op, inputs, attrs, layer } = x!.node;
    // An op that computes in f32 can return f32 directly, without rounding in between.
    if (kernelsOf(op)?.widens && x!.dtype === "f16" && to === "f32")
      return inLayer(layer, () => apply(op, inputs, { ...attrs, to }));
    return op.name === "cast" && x!.dtype === "f32" && to === "f16" && inputs[0]!.dtype === "f16"
      ? inputs[0]
      : undefined;
  },
  // The sum kernel accumulates in f32, so it can read f16 directly, also behind a reshape.
  sum: ({ op, attrs, results: [y] }, [x]) => {
    const { node } = x!.node.op.name === "reshape" ? x!.node.inputs[0]! : x!;
    const [half] = node.op.name === "cast" && y!.dtype === "f32" ? node.inputs : [];
    return half?.dtype === "f16" ? apply(op, [reshape(half, x!.shape)], { ...attrs, to: "f32" }) : undefined;
  },
  neg: (_, [x]) => (x!.node.op.name === "neg" ? x!.node.inputs[0]! : undefined),
  detach: (_, [x]) => x,
  evaluated: (_, [x]) => x,
};

function simpler(node: Node, inputs: readonly Tensor[]): Tensor | undefined {
  const { op, attrs } = node;
  const [result] = node.results;
  const everywhere = op.view && fullValue(inputs[0]!);
  if (everywhere !== undefined) return full(result!.shape, everywhere, result!.dtype);
  if (op.pointwise && !op.pointwise.usesIndex && inputs.length > 0) {
    const values = inputs.map(fullValue);
    if (values.every((value) => value !== undefined)) {
      const { shape, dtype } = result!;
      const whole = dtype === "i32" || dtype === "u32";
      const value = Number(op.pointwise.js(values, attrs, 0, inputs.at(-1)!.dtype));
      const number = whole ? Math.trunc(value) : value;
      // Values outside the dtype's range, such as infinity, have no literal; leave them to the kernel.
      const largest = dtype === "f16" ? largestHalf : 3.4e38;
      const holds = whole ? asDType(number, dtype) === number : Math.abs(number) <= largest;
      if (holds) return full(shape, number, dtype);
    }
  }
  return (op.pointwise && beforeReshape(node, inputs)) ?? rules[op.name]?.(node, inputs);
}

/**
 * Moves a pointwise op in front of a reshape, so that it can join the kernel that computes the reshape's input. Only if
 * the op's other inputs take that shape without a copy.
 */
function beforeReshape(node: Node, inputs: readonly Tensor[]): Tensor | undefined {
  const [y] = node.results;
  const source = inputs.find(
    ({
      node: {
        op,
        inputs: [x],
      },
    }) => {
      const from = op.name === "reshape" ? x!.node.op : undefined;
      return from !== undefined && (from.pointwise !== undefined || kernelsOf(from)?.after === true);
    },
  )?.node.inputs[0];
  if (!source || sizeOf(y!.shape) === 1 || node.attrs["shape"]) return undefined;
  const moved = inputs.map((input) => reshaped(input, source.shape));
  if (!moved.every((input) => input !== undefined)) return undefined;
  return reshape(apply(node.op, moved, node.attrs), y!.shape);
}

/** A tensor reshaped without a copy, if possible. */
function reshaped(x: Tensor, shape: Shape): Tensor | undefined {
  const {
    op,
    inputs: [from],
  } = x.node;
  const value = fullValue(x);
  if (value !== undefined) return full(shape, value, x.dtype);
  if (op.name === "expand") {
    // The value is the same for all rows, or for all elements.
    const own = from!.shape.slice(from!.shape.findIndex((n) => n !== 1));
    const one = sizeOf(from!.shape) === 1;
    if (!one && !sameShape(own, shape.slice(shape.length - own.length))) return undefined;
    return expand(reshape(from!, one ? [] : own), shape);
  }
  if (op.name === "reshape") return from!.node.op.view ? undefined : reshape(from!, shape);
  return op.view ? undefined : reshape(x, shape);
}

import {
  type Attended,
  type Attention,
  type AttentionGrad,
  attentionGradNaive,
  attentionKeyGradNaive,
  attentionNaive,
  attentionValueGradNaive,
} from "../../shaders/attention.wgsl.ts";
import {
  attentionJoin,
  attentionSplit,
  type Found,
  mostQueries,
  pieces,
  splitBytes,
} from "../../shaders/attentionSplit.wgsl.ts";
import { attentionTiles, forwardTile, invocations, lines } from "../../shaders/attentionTiles.wgsl.ts";
import {
  attentionSums,
  attentionTilesKeyGrad,
  attentionTilesQueryGrad,
  keyGradTile,
  queryGradTile,
} from "../../shaders/attentionTilesGrad.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { stackOf } from "../../shaders/lib/stack.ts";
import { bytesPer, type DType, type Shape, sizeOf } from "../graph/shape.ts";
import type { Node, Tensor } from "../graph/tensor.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { choose, type Family, family, named, needsWorkgroup, unless, type Variant } from "./choose.ts";
import { type Kernels, type Lowering, upwards } from "./lowering.ts";
import type { AdapterTraits } from "./traits.ts";
import { touched } from "./work.ts";

/** Attributes of attention and its gradient. */
export interface AttentionAttrs {
  readonly causal: boolean;
  readonly scale: number;
}

interface Problem extends Pick<Attention, "batches" | "queries" | "keys" | "size" | "width" | "causal"> {
  readonly type: DType;
  /** Dtype of the mask; "none" without one. */
  readonly mask: DType | "none";
}

export interface AttentionGradAttrs extends AttentionAttrs {
  readonly masked: boolean;
}

/** The gradient's inputs by name. */
export function gradInputs<T>(inputs: readonly T[], { masked }: AttentionGradAttrs) {
  const [y, lse, dy] = inputs.slice(-3) as [T, T, T];
  return { operands: inputs.slice(0, -3), mask: masked ? inputs[3] : undefined, y, lse, dy };
}

interface AttentionVariant extends Variant<Problem> {
  steps(p: Attended, to: Lowering): readonly Step[];
}

interface GradVariant extends Variant<Problem> {
  /** @param places where to store the gradients of queries, keys and values; those that nothing reads are left out. */
  steps(p: AttentionGrad, places: readonly (View | undefined)[], problem: Problem, to: Lowering): readonly Step[];
}

/** One kernel of a variant. */
interface Step extends Pick<KernelCall, "workgroups" | "source"> {
  readonly kernel: Kernel;
  /** Which of several it is. */
  readonly name?: string;
  /** Multiply-adds for each query and key. */
  readonly products: number;
}

/** The most columns that an invocation holds of a query. */
const mostColumns = 128;

const fewColumns = ({ size, width }: Problem): string | undefined =>
  unless(Math.max(size, width) <= mostColumns, `heads of at most ${mostColumns} columns`);

const tileSource = "shaders/attentionTiles.wgsl.ts";
const splitSource = "shaders/attentionSplit.wgsl.ts";
const gradSource = "shaders/attentionTilesGrad.wgsl.ts";

/** Workgroups for lines of each matrix. */
const alongLines = (count: number, batches: number): Step["workgroups"] => [Math.ceil(count / lines), batches, 1];

export const attentionFamily = /* @__PURE__ */ family<AttentionVariant>("attention", "attention", [
  {
    name: "naive",
    score: () => -1,
    steps: (p) => [
      {
        kernel: attentionNaive(p),
        workgroups: alongX(p.batches * p.queries * p.width),
        products: p.width * (2 * p.size + 1),
      },
    ],
  },
  {
    name: "tiles",
    needs: (problem, traits) => fewColumns(problem) ?? needsWorkgroup(traits, invocations, forwardTile(problem).bytes),
    score: () => 1,
    steps: (p) => [
      {
        source: tileSource,
        kernel: attentionTiles(p),
        workgroups: alongLines(p.queries, p.batches),
        products: p.size + p.width,
      },
    ],
  },
  {
    name: "split",
    needs: (problem, traits) =>
      unless(problem.queries <= mostQueries, `at most ${mostQueries} queries`) ??
      unless(problem.width <= 4 * invocations, `values of at most ${4 * invocations} columns`) ??
      needsWorkgroup(traits, invocations, splitBytes(problem)),
    score: ({ keys }) => (keys >= 64 ? 2 : 0),
    steps(p, to) {
      const { count } = pieces(p.keys);
      const shape = [p.batches, count, p.queries];
      const found: Found = {
        tops: to.scratch("highest scores by pieces", [...shape, 2], "f32"),
        sums: to.scratch("sums of values by pieces", [...shape, p.width], "f32"),
      };
      return [
        {
          name: "pieces",
          source: splitSource,
          kernel: attentionSplit(p, found),
          workgroups: [count, p.batches, 1],
          products: p.size + p.width,
        },
        {
          name: "join",
          source: splitSource,
          kernel: attentionJoin(p, found),
          workgroups: alongX(p.batches * p.queries * p.width),
          products: (count * p.width) / p.keys,
        },
      ];
    },
  },
]);

export const attentionGradFamily = /* @__PURE__ */ family<GradVariant>("attentionGrad", "attention", [
  {
    name: "naive",
    score: () => -1,
    steps: (p, [dq, dk, dv]) => {
      const step = (name: string, kernel: Kernel, place: View, products: number): Step => ({
        name,
        kernel,
        workgroups: alongX(sizeOf(place.shape)),
        products,
      });
      const both = p.size + p.width;
      return [
        ...(dq ? [step("queries", attentionGradNaive(p, dq), dq, p.size * both)] : []),
        ...(dk ? [step("keys", attentionKeyGradNaive(p, dk), dk, p.size * both)] : []),
        ...(dv ? [step("values", attentionValueGradNaive(p, dv), dv, p.width * p.size)] : []),
      ];
    },
  },
  {
    name: "tiles",
    needs: (problem, traits) =>
      fewColumns(problem) ??
      needsWorkgroup(traits, invocations, Math.max(queryGradTile(problem).bytes, keyGradTile(problem).bytes)),
    score: () => 1,
    steps(p, [dq, dk, dv], { batches, queries, keys, size, width, type }, to) {
      const ofQueries = to.scratch("log-sum-exps and dy · y", [batches, queries, 2], "f32");
      const steps: Step[] = [
        {
          name: "sums",
          source: gradSource,
          kernel: attentionSums(p, ofQueries),
          workgroups: alongX(batches * queries),
          products: width / keys,
        },
      ];
      if (dq)
        steps.push({
          name: "queries",
          source: gradSource,
          kernel: attentionTilesQueryGrad(p, ofQueries, dq),
          workgroups: alongLines(queries, batches),
          products: 2 * size + width,
        });
      if (dk || dv) {
        const place = (role: string, columns: number) => to.scratch(role, [batches, keys, columns], type);
        const [ofKeys, ofValues] = [dk ?? place("gradient of keys", size), dv ?? place("gradient of values", width)];
        steps.push({
          name: "keys",
          source: gradSource,
          kernel: attentionTilesKeyGrad(p, ofQueries, ofKeys, ofValues),
          workgroups: alongLines(keys, batches),
          products: 2 * size + 2 * width,
        });
      }
      return steps;
    },
  },
]);

/** Sizes of a node whose first inputs are queries, keys and values. */
function problemOf({ inputs: [q, k, v], attrs }: Pick<Node, "inputs" | "attrs">, mask: Tensor | undefined): Problem {
  const { shape, dtype: type } = q!;
  return {
    batches: sizeOf(shape.slice(0, -2)),
    queries: shape.at(-2)!,
    keys: k!.shape.at(-2)!,
    size: shape.at(-1)!,
    width: v!.shape.at(-1)!,
    causal: attrs["causal"],
    type,
    mask: mask?.dtype ?? "none",
  };
}

/**
 * Whether ordinary ops run instead, which store the scores: on CPU adapters, where they are faster than waiting at
 * barriers, and where only the definition fits. Not if the scores are more than a binding holds, nor if a variant is
 * forced.
 */
function composes<V extends Variant<Problem>>({ name, variants }: Family<V>, problem: Problem, traits: AdapterTraits) {
  const { batches, queries, keys, type } = problem;
  const fits = (variant: V | undefined) => variant !== undefined && variant.needs?.(problem, traits) === undefined;
  const forced = [name, "*"].some((key) => {
    const asked = traits.forced?.[key];
    return fits(variants.find((variant) => variant.name === (typeof asked === "object" ? asked.ifFits : asked)));
  });
  if (forced || batches * queries * keys * bytesPer(type) > Math.min(traits.maxBinding, traits.maxBuffer)) return false;
  const isGood = (variant: V) =>
    fits(variant) && variant.score(problem, traits) >= 0 && !traits.avoid?.has(`${name}/${variant.name}`);
  return traits.cpu || !variants.some(isGood);
}

/** A mask as the kernels read it: with stride 0 along axes that it repeats. */
function stretched(view: View, shape: Shape): View {
  const lead = shape.length - view.shape.length;
  const strides = shape.map((n, axis) =>
    axis < lead || view.shape[axis - lead] !== n ? 0 : view.strides[axis - lead]!,
  );
  return { ...view, shape, strides };
}

/** What the kernels read. */
function operands({ inputs, attrs }: Pick<Node, "inputs" | "attrs">, mask: Tensor | undefined, to: Lowering) {
  const problem = problemOf({ inputs, attrs }, mask);
  const [q, k, v] = inputs.slice(0, 3).map((tensor) => upwards(tensor, to)) as [View, View, View];
  const over = mask && stretched(upwards(mask, to), [...q.shape.slice(0, -1), problem.keys]);
  const { scale } = attrs as AttentionAttrs;
  const p: Attention = { ...problem, scale, q: stackOf(q), k: stackOf(k), v: stackOf(v), mask: over && stackOf(over) };
  return { problem, p };
}

/** Scores that are not hidden by being in the future. */
const pairs = ({ batches, queries, keys, causal }: Problem): number =>
  batches *
  (causal
    ? Array.from({ length: queries }, (_, i) => Math.min(i + 1, keys)).reduce((a, b) => a + b, 0)
    : queries * keys);

const labelOf = (name: string, { batches, queries, keys, size, width }: Problem): string =>
  `${name}[${batches}x${queries}x${keys}x${size === width ? size : `${size}x${width}`}]`;

/** The calls of a variant's kernels. */
function callsOf(family: Family, variant: { readonly name: string }, problem: Problem, steps: readonly Step[]) {
  const label = labelOf(family.name, problem);
  return steps.map(({ name, kernel, workgroups, source, products }): KernelCall => {
    const { bindings } = bound(kernel);
    return {
      label: `${label}${name ? `/${name}` : ""}:${problem.type}`,
      ...named(family, variant),
      ...(source && { source }),
      kernel,
      bindings,
      workgroups,
      flops: pairs(problem) * (2 * products + 6),
      bytes: kernel.buffers.reduce((sum, { view }) => sum + touched(view!), 0),
    };
  });
}

/** Runs attention. Inputs: queries, keys, values, and optionally a mask. */
export const attentionKernels: Kernels = {
  precision: "half",
  sideBySide: () => true,
  composes: (node, traits) => composes(attentionFamily, problemOf(node, node.inputs[3]), traits),
  lower({ node }, to) {
    const { problem, p } = operands(node, node.inputs[3], to);
    const y = to.result(0) ?? to.scratch("attention", node.results[0]!.shape, problem.type);
    const variant = choose<AttentionVariant, Problem>(attentionFamily, problem, to.traits);
    return callsOf(attentionFamily, variant, problem, variant.steps({ ...p, y, lse: to.result(1) }, to));
  },
};

/** Runs the gradient. Inputs: those of attention, its results, and the gradient of the first. */
export const attentionGradKernels: Kernels = {
  // With neighbours in memory, kernels need fewer bindings.
  sideBySide: () => true,
  composes(node, traits) {
    const { mask } = gradInputs(node.inputs, node.attrs as AttentionGradAttrs);
    return composes(attentionGradFamily, problemOf(node, mask), traits);
  },
  lower({ node }, to) {
    const { mask, ...others } = gradInputs(node.inputs, node.attrs as AttentionGradAttrs);
    const { problem, p } = operands(node, mask, to);
    const stack = (tensor: Tensor) => stackOf(upwards(tensor, to));
    const whole: AttentionGrad = { ...p, y: stack(others.y), lse: stack(others.lse), dy: stack(others.dy) };
    const variant = choose<GradVariant, Problem>(attentionGradFamily, problem, to.traits);
    const places = node.results.map((_, i) => to.result(i));
    return callsOf(attentionGradFamily, variant, problem, variant.steps(whole, places, problem, to));
  },
};

import type { Kernel } from "../../shaders/lib/kernel.ts";
import { isRowMajor } from "../../shaders/lib/view.wgsl.ts";
import { type Cell, firstOf, lastOf, type Place, type Recurrence, type Role } from "../../shaders/recurrent.wgsl.ts";
import {
  cellsAlone,
  type StepTile,
  stepGradNaive,
  stepInvocations,
  stepNaive,
  stepQuads,
  stepTile,
  widthOf,
} from "../../shaders/recurrentSteps.wgsl.ts";
import { walk, walkShape } from "../../shaders/recurrentWalk.wgsl.ts";
import { bytesPer, type DType, labelShape, type Shape, sizeOf } from "../graph/shape.ts";
import type { Attrs, Spec, Tensor } from "../graph/tensor.ts";
import { bind, bound, type KernelCall, type View } from "./call.ts";
import { choose, family, named, needsWorkgroup, unless, type Variant } from "./choose.ts";
import { copyCall } from "./elementwise.ts";
import type { Kernels, Lowering, Work } from "./lowering.ts";

/*
 * Kernels of a recurrence. Gates are updated in place where their old values are not needed: one buffer holds first the
 * input's part, then the activated gates, then their gradients.
 */

/** Inputs of a sequence by role. */
export type Inputs<T extends Spec = Tensor> = Partial<Record<Role, T>>;

/** The inputs of a sequence node by role. */
export const inputsOf = <T extends Spec>({ inputs, attrs }: { inputs: readonly T[]; attrs: Attrs }): Inputs<T> =>
  Object.fromEntries((attrs["roles"] as Role[]).map((role, i) => [role, inputs[i]!])) as Inputs<T>;

/** Sizes of a sequence: gates are [T, N, G·H], or [N, T, G·H]. */
export function sizesOf({ weight, gates, outputs }: Inputs<Spec>, batchFirst: boolean) {
  const hidden = weight!.shape[1]!;
  const [a, b] = (gates ?? outputs!).shape as [number, number];
  return { steps: batchFirst ? b : a, rows: batchFirst ? a : b, hidden };
}

interface Problem extends Pick<Recurrence, "pass" | "steps" | "rows" | "hidden">, Pick<Cell, "gates"> {
  /** Dtype of sequences and weights. */
  readonly type: DType;
}

interface SequenceVariant extends Variant<Problem> {
  /** Whether the forward pass reads the weight transposed. */
  readonly transposed?: boolean;
  kernels(p: Recurrence, problem: Problem, to: Lowering): readonly Dispatch[];
}

/** One kernel of a sequence. */
interface Dispatch extends Pick<KernelCall, "kernel" | "bindings" | "source"> {
  /** Which step it computes, in words; absent if all steps at once. */
  readonly step?: string;
  readonly workgroups: number;
}

/** How to compute a step that multiplies, and its number of invocations. */
interface Step {
  write(p: Recurrence, place: Place): Kernel;
  readonly invocations: number;
}

/** One dispatch per step. A step without a product runs only its cells, `width` units at a time. */
const steps = (
  name: string,
  step: (problem: Problem) => Step,
  score: SequenceVariant["score"],
  needs: SequenceVariant["needs"] = () => undefined,
  width: (problem: Problem) => 1 | 4 = widthOf,
): SequenceVariant => ({
  name,
  needs,
  score,
  kernels(p, problem, to) {
    const { write, invocations } = step(problem);
    const { startH, startC, ...others } = p.views;
    const position = positionsOf(p.steps, to);
    const written = new Map<string, Kernel>();
    const inOrder = Array.from({ length: p.steps }, (_, i) => i);
    return (p.reverse === (p.pass === "forward") ? inOrder.reverse() : inOrder).map((t): Dispatch => {
      const { name, ...place } = placeOf(p, t);
      const own = place.first || place.last ? {} : { position: position(t) };
      const views: Recurrence["views"] = { ...(place.first ? p.views : others), ...own };
      const multiplies = p.pass === "forward" ? !place.first || startH !== undefined : !place.last;
      // All steps between the ends share a kernel and differ only in the position they bind.
      const kernel =
        written.get(name) ??
        (multiplies ? write({ ...p, views }, place) : cellsAlone({ ...p, views }, place, width(problem)));
      written.set(name, kernel);
      const count = multiplies ? invocations : (p.rows * p.hidden) / width(problem);
      return {
        step: name,
        kernel,
        bindings: kernel.buffers.map(({ name, access }) => bind(views[name as Role]!, access)),
        workgroups: Math.ceil(count / kernel.workgroup[0]),
      };
    });
  },
});

/** The step at position t; the ends of a sequence differ from other steps. */
function placeOf(p: Recurrence, t: number): Place & { readonly name: string } {
  const first = t === firstOf(p);
  const last = t === lastOf(p);
  if (p.pass === "forward") return first ? { name: "first", first } : { name: "step", first, last: false };
  if (last) return { name: "last", first, last };
  // If the first step has no extra bindings, the kernel detects it at run time: one less kernel to compile.
  if (!p.views.startH && !p.views.startC) return { name: "step", last };
  return { name: first ? "first" : "step", first, last };
}

/** Step positions, one every 256 bytes, where bindings may begin. */
function positionsOf(count: number, to: Lowering): (t: number) => View {
  const spacing = 64;
  const all = to.constant(`positions of ${count} steps`, [spacing * count], "u32", (data) => {
    for (let t = 0; t < count; t++) data[spacing * t] = t;
  });
  return (t) => ({ ...all, shape: [1], strides: [1], base: 4 * spacing * t, span: 16 });
}

const narrow = ({ gates, pass }: Problem): boolean => pass === "backward" || gates === 1;

/** Larger tiles of rows load each weight less often; they pay off once there are enough rows. */
const tiles =
  (rows: number, columns?: number) =>
  (problem: Problem): Step => {
    const tile: StepTile = { rows, columns: columns ?? (narrow(problem) ? 2 : 1), workgroup: 16 };
    return { write: (p, place) => stepTile(p, place, tile), invocations: stepInvocations(problem, tile) };
  };

/** Rows per lane of a quad, so that the quad covers the batch. */
function quads(problem: Problem): Step {
  const rows = problem.rows > 16 ? 8 : problem.rows > 8 ? 4 : 2;
  const tile: StepTile = { rows, columns: !narrow(problem) ? 1 : rows === 8 ? 2 : 4, workgroup: 8 };
  return { write: (p, place) => stepQuads(p, place, tile), invocations: stepInvocations(problem, tile, 4) };
}

const MiB = 2 ** 20;
/** Workgroups that read from memory as fast as a GPU can. */
const busy = 32;

/**
 * Heuristic scores for GPUs: a step takes as long as one workgroup needs for the weights, or all of them together if
 * there are many. Steps of their own share each product among all processors, but each costs a dispatch, about as
 * much as walking over 4 MiB. A count, not a measurement.
 */
const gpuScore = (bytes: number): number => (4 * MiB) / bytes;
const weightBytes = ({ gates, hidden, type }: Problem): number => gates * hidden * hidden * bytesPer(type);
const stepScore = (problem: Problem, rows: number): number =>
  gpuScore(4 * MiB + (Math.ceil(problem.rows / rows) / busy) * weightBytes(problem));
const walkScore = (problem: Problem, rows: number): number =>
  gpuScore(Math.max(1, Math.ceil(problem.rows / rows) / busy) * weightBytes(problem));

/** All steps in one dispatch, each workgroup for some rows. */
const walks = (rows: number): SequenceVariant => ({
  name: rows === 1 ? "walk" : `walk${rows}`,
  transposed: true,
  needs: (problem, traits) => needsWorkgroup(traits, 64, walkShape(problem, rows, traits).bytes),
  // CPU compilers take seconds for several rows.
  score: (problem, { cpu }) => (!cpu ? walkScore(problem, rows) : rows === 1 ? 0.1 : -1),
  kernels(p, problem, { traits }) {
    const source = "shaders/recurrentWalk.wgsl.ts";
    return [{ source, ...bound(walk(p, walkShape(problem, rows, traits))), workgroups: Math.ceil(p.rows / rows) }];
  },
});

const sequenceVariants: readonly SequenceVariant[] = [
  steps(
    "naive",
    ({ pass, rows, hidden }) => ({
      write: pass === "forward" ? stepNaive : stepGradNaive,
      invocations: rows * hidden,
    }),
    () => -1,
    undefined,
    () => 1,
  ),
  steps("steps1", tiles(1, 1), (problem, { cpu }) => (cpu ? 1 : stepScore(problem, 1))),
  steps("steps4", tiles(4), (problem, { cpu }) => (problem.rows < 3 ? 0 : cpu ? 2 : stepScore(problem, 4))),
  steps("steps8", tiles(8), ({ rows, hidden }, { cpu }) => (cpu && rows >= 6 && rows * hidden >= 1024 ? 3 : 0)),
  steps(
    "quads",
    quads,
    ({ rows }, { cpu }) => (cpu && rows >= 6 ? 4 : 0),
    ({ hidden }, { features }) =>
      unless(features.has("subgroups"), "subgroups") ?? unless(hidden % 16 === 0, "a multiple of 16 hidden units"),
  ),
  walks(1),
  walks(4),
  walks(8),
];

export const lstmFamily = /* @__PURE__ */ family<SequenceVariant>("lstm", "recurrentSteps", sequenceVariants);
export const gruFamily = /* @__PURE__ */ family<SequenceVariant>("gru", "recurrentSteps", sequenceVariants);
export const rnnFamily = /* @__PURE__ */ family<SequenceVariant>("rnn", "recurrentSteps", sequenceVariants);
const families = { lstm: lstmFamily, gru: gruFamily, rnn: rnnFamily };

/** Runs a sequence, forward or backward. */
export const sequenceKernels = (cell: Cell, pass: Recurrence["pass"]): Kernels => ({
  precision: "half",
  lower: (work, to) => lowerSequence(cell, pass, work, to),
  // The gradient of a GRU has the most buffers; as neighbours in memory, h and the kept values can share a binding.
  sideBySide: (result) => pass === "forward" && cell.splits && result < 2,
});

function lowerSequence(cell: Cell, pass: Recurrence["pass"], { node }: Work, to: Lowering): readonly KernelCall[] {
  const { reverse, batchFirst } = node.attrs as { reverse: boolean; batchFirst: boolean };
  const inputs = inputsOf(node);
  const { steps, rows, hidden } = sizesOf(inputs, batchFirst);
  const { dtype } = inputs.weight!;
  const problem: Problem = { pass, gates: cell.gates, steps, rows, hidden, type: dtype };
  const variant = choose<SequenceVariant, Problem>(families[cell.name], problem, to.traits);
  const views = viewsOf(inputs, to);
  const copies: KernelCall[] = [];
  if (pass === "forward" && variant.transposed) {
    const weight = { ...views.weight!, shape: [hidden, cell.gates * hidden], strides: [1, hidden] };
    views.weight = to.scratch("transposed recurrent weight", weight.shape, dtype);
    copies.push(copyCall(weight, views.weight, to.traits));
  }
  /** The gates in the memory of result i, copied there if they are elsewhere. */
  const moveGates = (i: number): boolean => {
    const given = to.result(i, mayOverwrite(inputs, to) ? inputs.gates : undefined);
    if (!given) return false;
    const from = views.gates!;
    if (given.buffer !== from.buffer || given.base !== from.base) copies.push(copyCall(from, given, to.traits));
    views.gates = given;
    return true;
  };
  const place = (i: number, role: string, shape: Shape) => to.result(i) ?? to.scratch(role, shape, dtype);
  const states = inputs.gates ? [...inputs.gates.shape.slice(0, 2), hidden] : inputs.outputs!.shape;
  let saves = false;
  if (pass === "forward") {
    saves = cell.gates > 1 && moveGates(2);
    views.outputs = place(0, "hidden states", states);
    // Without a gradient, only values that the next step needs are kept.
    const kept = cell.keeps ? to.result(1) : undefined;
    if (kept) views.kept = kept;
    if (cell.before && dtype === "f16") views.state = to.scratch("state", [rows, hidden], "f32");
    else if (cell.before === "kept") views.kept ??= to.scratch("cell states", states, dtype);
  } else {
    const wide = [...states.slice(0, 2), cell.gates * hidden];
    if (inputs.gates) moveGates(0);
    else views.gates = place(0, "gradient of the gates", wide);
    if (cell.carries) views.carry = to.result(1) ?? to.scratch("carried gradient", [rows, hidden], "f32");
    if (cell.splits) views.dRecurrent = place(2, "gradient of the recurrent part", wide);
  }
  const whole: Recurrence = { cell, pass, steps, rows, hidden, reverse, batchFirst, saves, views };
  const label = `${cell.name}${pass === "backward" ? "Grad" : ""}${labelShape([steps, rows, hidden])}`;
  const calls = variant.kernels(whole, problem, to).map(({ step, workgroups, ...rest }): KernelCall => {
    const count = step ? 1 : steps;
    return {
      label: step ? `${label}/${step}:${dtype}` : `${label}:${dtype}`,
      ...named(families[cell.name], variant),
      ...rest,
      workgroups: [workgroups, 1, 1],
      flops: count * (2 * rows * cell.gates * hidden * hidden + cell.flops * rows * hidden),
      bytes: bytesPer(dtype) * (sizeOf(inputs.weight!.shape) + count * rows * hidden * (2 * cell.gates + 4)),
    };
  });
  return [...copies, ...calls];
}

/** The inputs as the kernels read them: row-major, except gradients of outputs, which may have any layout. */
function viewsOf(inputs: Inputs, to: Lowering): Partial<Record<Role, View>> {
  const views: Partial<Record<Role, View>> = {};
  for (const [role, tensor] of Object.entries(inputs) as [Role, Tensor][]) {
    const view = to.view(tensor);
    const isFree = (role === "dOutputs" || role === "dKept") && view.strides.every((stride) => stride >= 0);
    views[role] = isFree ? view : to.contiguous(tensor);
  }
  return views;
}

/** Whether results may overwrite the gates: this is their last use, and no other input shares their buffer. */
function mayOverwrite({ gates, ...others }: Inputs, to: Lowering): boolean {
  const view = to.view(gates!);
  const shared = Object.values(others).some((other) => to.view(other).buffer === view.buffer);
  return !shared && to.dies(gates!) && view.offset === 0 && isRowMajor(view);
}

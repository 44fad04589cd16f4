import { legacy } from "../../shaders/lib/legacy.ts";
import { isRowMajor } from "../../shaders/lib/view.wgsl.ts";
import {
  type Cell,
  isWritten,
  type Place,
  type RecurrentParams,
  type Role,
  roles,
} from "../../shaders/recurrent.wgsl.ts";
import { recurrentStep, type StepTile, stepInvocations } from "../../shaders/recurrentSteps.wgsl.ts";
import { recurrentWalk, type WalkShape, walkLayout } from "../../shaders/recurrentWalk.wgsl.ts";
import { identity } from "../graph/program.ts";
import { labelShape, type Shape, sizeOf } from "../graph/shape.ts";
import type { Attrs, Node, Spec, Tensor } from "../graph/tensor.ts";
import { type Binding, bind, type KernelCall, lengthOf, type View } from "../kernels/call.ts";
import { choose, needsWorkgroup, unless, type Variant } from "../kernels/choose.ts";
import { elementwiseOver } from "../kernels/elementwise.ts";
import type { Lowering } from "../kernels/lowering.ts";
import type { AdapterTraits } from "../kernels/traits.ts";

/*
 * Kernels of a recurrence. The gates are worked on in place: the input's part, the activated gates and their gradients follow
 * each other in one buffer wherever nobody else reads what was there before.
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

type Views = Partial<Record<Role, View>>;
type Problem = Omit<RecurrentParams, "lengths" | "incoming" | "transposed" | "saves" | "strides" | "reverse">;

interface SequenceVariant extends Variant<Problem> {
  /** Whether the forward pass reads the weight transposed. */
  readonly transposed: boolean;
  calls(p: RecurrentParams, views: Views, call: CallMaker, to: Lowering): readonly KernelCall[];
}

type CallMaker = (
  step: string | undefined,
  wgsl: string,
  views: Views,
  workgroups: number,
  position?: Binding,
) => KernelCall;

/** The step at position t in words: what differs at the ends of a sequence. */
function placeOf(
  { reverse, steps, pass }: RecurrentParams,
  { startH, startC }: Views,
  t: number,
): Place & { readonly name: string } {
  const first = t === (reverse ? steps - 1 : 0);
  const last = t === (reverse ? 0 : steps - 1);
  if (pass === "forward") return first ? { name: "first", first } : { name: "step", first, last: false };
  if (last) return { name: "last", first, last };
  // Where nothing is bound for the first step alone, it is told apart as the kernel runs: one text less to compile.
  if (!startH && !startC) return { name: "step", last };
  return { name: first ? "first" : "step", first, last };
}

const steps = (
  name: string,
  tile: (p: Problem) => StepTile,
  score: SequenceVariant["score"],
  needs: SequenceVariant["needs"] = () => undefined,
): SequenceVariant => ({
  name,
  transposed: false,
  needs,
  score,
  calls(p, views, call, to) {
    const { startH, startC, ...others } = views;
    const position = positionsOf(p.steps, to);
    const texts = new Map<string, string>();
    const inOrder = Array.from({ length: p.steps }, (_, i) => i);
    return (p.reverse === (p.pass === "forward") ? inOrder.reverse() : inOrder).map((t) => {
      const place = placeOf(p, views, t);
      const bound = place.first ? views : others;
      const at = place.first || place.last ? undefined : position(t);
      const multiplies = p.pass === "forward" ? !place.first || startH !== undefined : !place.last;
      const shape = multiplies ? tile(p) : cellTile;
      const workgroups = Math.ceil(stepInvocations(p, shape) / shape.workgroup);
      const lengths = { ...lengthsOf(bound), ...(at && { position: at.size / 4 }) };
      const wgsl = texts.get(place.name) ?? recurrentStep({ ...p, lengths }, place, shape);
      texts.set(place.name, wgsl);
      return call(place.name, wgsl, bound, workgroups, at);
    });
  },
});

const narrow = ({ cell, pass }: Problem): boolean => pass === "backward" || cell.gates === 1;

/** Larger tiles of rows load each weight less often; they pay as soon as there are rows enough. */
const tiles =
  (rows: number) =>
  (p: Problem): StepTile => ({ rows, columns: narrow(p) ? 2 : 1, workgroup: 16 });

/** Rows of each of the four that share loads, so that together they cover the batch. */
function quadTile(p: Problem): StepTile {
  const rows = p.rows > 16 ? 8 : p.rows > 8 ? 4 : 2;
  return { rows, columns: !narrow(p) ? 1 : rows === 8 ? 2 : 4, workgroup: 8, quads: true };
}

/** Where there is nothing to multiply, the cells alone: as many invocations as there are. */
const cellTile: StepTile = { rows: 1, columns: 1, workgroup: 16 };

const walkShape = (p: Problem, { maxInvocations, maxWorkgroupBytes }: AdapterTraits): WalkShape => {
  let threads = 64;
  while (threads < walkLayout(p, { rows: 1, threads }).across && 2 * threads <= Math.min(maxInvocations, 512))
    threads *= 2;
  // A row a workgroup as long as that leaves processors idle; then each weight that is read serves several rows.
  let rows = 1;
  while (rows < 8 && p.rows / rows > 128 && walkLayout(p, { rows: 2 * rows, threads }).bytes <= maxWorkgroupBytes)
    rows *= 2;
  return { rows, threads };
};

export const sequenceVariants: readonly SequenceVariant[] = [
  steps(
    "steps1",
    () => ({ rows: 1, columns: 1, workgroup: 16 }),
    () => 1,
  ),
  steps("steps4", tiles(4), ({ rows }) => (rows >= 3 ? 2 : 0)),
  steps("steps8", tiles(8), ({ rows, hidden }, { cpu }) => (cpu && rows >= 6 && rows * hidden >= 1024 ? 3 : 0)),
  steps(
    "quads",
    quadTile,
    ({ rows }, { cpu }) => (cpu && rows >= 6 ? 4 : 0),
    ({ hidden }, { features }) =>
      unless(features.has("subgroups"), "subgroups") ?? unless(hidden % 16 === 0, "a multiple of 16 hidden units"),
  ),
  {
    name: "walk",
    transposed: true,
    needs: (p, traits) => needsWorkgroup(traits, 64, walkLayout(p, walkShape(p, traits)).bytes),
    score: ({ hidden }, { cpu }) => (!cpu && hidden <= 512 ? 4 : 0.1),
    calls(p, views, call, to) {
      const shape = walkShape(p, to.traits);
      return [
        call(
          undefined,
          recurrentWalk({ ...p, lengths: lengthsOf(views) }, shape),
          views,
          Math.ceil(p.rows / shape.rows),
        ),
      ];
    },
  },
];

const lengthsOf = (views: Views): RecurrentParams["lengths"] =>
  Object.fromEntries(Object.entries(views).map(([role, view]) => [role, lengthOf(view)]));

/** One number each 256 bytes, where bindings may begin: all steps share one kernel and differ in what they bind here. */
function positionsOf(count: number, to: Lowering): (t: number) => Binding {
  const spacing = 64;
  const { buffer } = to.constant(`positions of ${count} steps`, [spacing * count], "u32", (data) => {
    for (let t = 0; t < count; t++) data[spacing * t] = t;
  });
  return (t) => ({ buffer, offset: 4 * spacing * t, size: 16, access: "read" });
}

const copy = (from: View, to: View): KernelCall =>
  elementwiseOver(identity("f32"), [from], [to], new Map(), from.shape, "copy");

/** The calls of a sequence node, forward or backward. */
export function lowerSequence(
  cell: Cell,
  pass: "forward" | "backward",
  node: Node,
  to: Lowering,
): readonly KernelCall[] {
  const { reverse, batchFirst } = node.attrs as { reverse: boolean; batchFirst: boolean };
  const inputs = inputsOf(node);
  const { steps, rows, hidden } = sizesOf(inputs, batchFirst);
  const problem = { cell, pass, steps, rows, hidden };
  const variant = choose<SequenceVariant, Problem>(
    { name: cell.name, source: "", variants: sequenceVariants },
    problem,
    to.traits,
  );
  const before: KernelCall[] = [];
  const views: Views = {};
  for (const [role, tensor] of Object.entries(inputs) as [Role, Tensor][]) {
    const view = to.view(tensor);
    const walkable = (role === "dOutputs" || role === "dKept") && view.strides.every((stride) => stride >= 0);
    views[role] = walkable ? view : to.contiguous(tensor);
  }
  if (pass === "forward" && variant.transposed) {
    const { weight } = views;
    const [wide] = weight!.shape as [number];
    const turned = to.scratch("transposed recurrent weight", [hidden, wide], "f32");
    before.push(copy({ ...weight!, shape: [hidden, wide], strides: [1, hidden] }, turned));
    views.weight = turned;
  }
  const place = (i: number, role: string, shape: Shape) => to.result(i) ?? to.scratch(role, shape, "f32");
  const states = inputs.gates ? [...inputs.gates.shape.slice(0, 2), hidden] : inputs.outputs!.shape;
  let saves = false;
  const inPlace = (i: number): View | undefined => {
    const { gates } = inputs;
    const own = to.view(gates!);
    const alone = Object.entries(inputs).every(
      ([role, other]) => role === "gates" || to.view(other).buffer !== own.buffer,
    );
    const over = alone && to.dies(gates!) && own.offset === 0 && isRowMajor(own);
    const given = to.result(i, over ? gates : undefined);
    const from = views.gates!;
    if (given && (given.buffer !== from.buffer || given.base !== from.base)) before.push(copy(from, given));
    return given;
  };
  if (pass === "forward") {
    if (cell.gates > 1) {
      const saved = inPlace(2);
      saves = saved !== undefined;
      if (saved) views.gates = saved;
    }
    views.outputs = place(0, "hidden states", states);
    // Where no gradient is wanted, only what the next step needs is kept.
    const kept = cell.keeps ? to.result(1) : undefined;
    if (kept || cell.before === "kept") views.kept = kept ?? to.scratch("cell states", states, "f32");
  } else {
    const wide = [...states.slice(0, 2), cell.gates * hidden];
    views.gates = inputs.gates ? (inPlace(0) ?? views.gates!) : place(0, "gradient of the gates", wide);
    if (cell.carries) views.carry = place(1, "carried gradient", [rows, hidden]);
    if (cell.splits) views.dRecurrent = place(2, "gradient of the recurrent part", wide);
  }
  const params: RecurrentParams = {
    ...problem,
    reverse,
    strides: batchFirst ? [1, steps] : [rows, 1],
    saves,
    lengths: {},
    incoming: Object.fromEntries(
      (["dOutputs", "dKept"] as const).flatMap((role) => {
        const view = views[role];
        if (!view) return [];
        const [a, b, unit] = view.strides as [number, number, number];
        return [[role, { strides: batchFirst ? [b, a, unit] : [a, b, unit], offset: view.offset }]];
      }),
    ),
    transposed: variant.transposed,
  };
  const label = `${cell.name}${pass === "backward" ? "Grad" : ""}${labelShape([steps, rows, hidden])}`;
  const madds = rows * cell.gates * hidden * hidden;
  const call: CallMaker = (step, wgsl, bound, workgroups, position) => {
    const count = step ? 1 : steps;
    return {
      label: step ? `${label}/${step}:f32` : `${label}:f32`,
      family: cell.name,
      variant: variant.name,
      kernel: legacy(wgsl),
      bindings: roles.flatMap((role) => {
        if (role === "position") return position ?? [];
        const view = bound[role];
        return view ? bind(view, isWritten({ pass, saves }, role) ? "read_write" : "read") : [];
      }),
      workgroups: [workgroups, 1, 1],
      flops: count * (2 * madds + cell.flops * rows * hidden),
      bytes: sizeOf(inputs.weight!.shape) * 4 + count * 4 * rows * hidden * (2 * cell.gates + 4),
    };
  };
  return [...before, ...variant.calls(params, views, call, to)];
}

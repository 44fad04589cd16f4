import { checkList, DTypeError, FeedError, LimitError, optionsOf, ShapeError, StateError } from "../errors.ts";
import { print, reachable } from "../graph/print.ts";
import { composed, rewrite } from "../graph/rewrite.ts";
import { sameShape, showShape, sizeOf } from "../graph/shape.ts";
import {
  apply,
  applyAll,
  checkTensor,
  checkVariable,
  type Node,
  type Tensor,
  type Update,
  Variable,
} from "../graph/tensor.ts";
import type { Trace } from "../graph/trace.ts";
import type { PrintedCall } from "../kernels/call.ts";
import { kernelsOf } from "../kernels/lowering.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { pointwiseOp } from "../ops/pointwise/pointwise.ts";
import { dispatch } from "./dispatch.ts";
import { fuse } from "./fuse.ts";
import type { Guard, guard } from "./guard.ts";
import { checkHalf } from "./half.ts";
import { type Home, roleOf, settle, virtualBuffer } from "./homes.ts";
import { inline } from "./inline.ts";
import { type Lowered, lower } from "./lower.ts";
import { baseOf, isOwn } from "./memory.ts";
import { merge } from "./merge.ts";
import { type MemoryPlan, plan } from "./plan.ts";
import { simplify } from "./simplify.ts";

/** What a program computes and which variables it updates. */
export interface Description {
  /** Values to read after a run. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
  /** Variables and their new values. All are stored at the end of a run. */
  readonly updates?: readonly Update[];
}

/** Passes that tests skip to check that they change no value. */
export interface Passes {
  readonly simplify?: boolean;
  readonly fuse?: boolean;
  readonly merge?: boolean;
}

/** Options for compiling: passes to skip in tests, and checks a user may add. */
export interface CompileOptions extends Passes {
  /** Whether each kernel checks the values it stores for NaN and infinity. Default: false, at no cost. */
  readonly checkFinite?: boolean;
}

/** The graph after each pass, and where its nodes came from. */
export interface Graphs {
  /** Outputs and new values of variables, by name, after each pass. */
  readonly built: readonly (readonly [name: string, root: Tensor])[];
  readonly simplified: Graphs["built"];
  readonly fused: Graphs["built"];
  /** What became of nodes on the way to the simplified graph, and from there to the fused one. */
  readonly traces: { readonly simplified: Trace; readonly fused: Trace };
}

/** A compiled program without memory or pipelines: nothing has touched a GPU yet. */
export interface Compiled extends Omit<Lowered, "calls">, MemoryPlan {
  readonly calls: readonly PrintedCall[];
  readonly variables: readonly Variable[];
  /** The variables that a run changes. */
  readonly updated: readonly Variable[];
  /** Present if kernels check for NaN and infinity. */
  readonly guard: Guard | undefined;
  /** Homes of all variables of the program, those passed in included. */
  readonly homes: ReadonlyMap<Variable, Home>;
  /** The graph after each pass, as text. */
  readonly stages: Readonly<Record<"built" | "simplified" | "fused", () => string>>;
  readonly graphs: Graphs;
}

/**
 * Runs all passes over a description.
 * @param homes variables that already have a home.
 * @param passes passes to skip, and the pass that makes kernels check for NaN, if wanted.
 */
export function compile(
  { outputs = {}, updates = [] }: Description,
  adapter: AdapterTraits,
  homes: ReadonlyMap<Variable, Home> = new Map(),
  passes: Passes & { readonly guard?: typeof guard } = {},
): Compiled {
  // The check for NaN takes one binding of each kernel.
  const traits = passes.guard ? { ...adapter, maxStorageBuffers: adapter.maxStorageBuffers - 1 } : adapter;
  const all = withEffects(outputs, updates);
  const names = Object.keys(outputs);
  const targets = all.map(([variable]) => variable);
  const built = [...Object.values(outputs), ...all.map(([, value]) => value)];
  checkHalf(built, traits);
  const traces = { simplified: [] as Trace, fused: [] as Trace };
  const composes = (node: Node): boolean => kernelsOf(node.op)?.composes?.(node, traits) === true;
  const chosen = composed(built, composes, traces.simplified);
  const simplified = passes.simplify === false ? chosen : simplify(chosen, traces.simplified);
  const whole = passes.fuse === false ? simplified : inline(simplified, traces.fused);
  const fused = own(passes.fuse === false ? whole : fuse(whole, traits.maxStorageBuffers, traces.fused), traces.fused);
  checkSizes(fused);
  const named = (roots: readonly Tensor[]) => Object.fromEntries(names.map((name, i) => [name, roots[i]!]));
  const labels = [...names, ...targets.map((variable) => `${variable.name}'`)];
  const labelled = (roots: readonly Tensor[]) => labels.map((label, i) => [label, roots[i]!] as const);
  const graphs = { built: labelled(built), simplified: labelled(simplified), fused: labelled(fused), traces };
  const stage = (name: "built" | "simplified" | "fused") => () => print(Object.fromEntries(graphs[name]));
  const variables = [
    ...new Set([...reachable(built).flatMap(({ results: [y] }) => (y instanceof Variable ? [y] : [])), ...targets]),
  ];
  checkNames(built);
  const settled = new Map([...homes, ...settle(variables, homes)]);
  const lowered = lower(
    { outputs: named(fused), updates: targets.map((variable, i) => [variable, fused[names.length + i]!] as const) },
    settled,
    traits,
  );
  // Merged kernels would hide which variant ran, or which kernel stored the NaN.
  const forced = Object.keys(traits.forced ?? {}).length > 0;
  const apart = passes.merge === false || passes.guard !== undefined || forced;
  const flag = virtualBuffer("scratch", "NaN flag", 16, { pinned: true });
  const watched = passes.guard?.(lowered.calls, flag, adapter.maxStorageBuffers, (binding) => roleOf(binding, settled));
  const calls = apart
    ? (watched?.calls ?? lowered.calls).map((call) => dispatch(call, traits))
    : merge(lowered.calls, traits);
  return {
    ...lowered,
    calls,
    guard: watched?.guard,
    ...plan(calls),
    variables,
    updated: targets,
    homes: new Map(variables.map((variable) => [variable, settled.get(variable)!])),
    stages: { built: stage("built"), simplified: stage("simplified"), fused: stage("fused") },
    graphs,
  };
}

/** Checks a user's description and fills in defaults. */
export function described(description: Description): Required<Description> {
  const all = optionsOf<Description, Required<Description>>("compile", description, { outputs: {}, updates: [] });
  for (const [name, output] of Object.entries(all.outputs)) checkTensor("compile", `output "${name}"`, output);
  for (const update of all.updates) {
    const [variable, value] = checkList<unknown>("compile", "an update", update);
    checkVariable("compile", "the variable of an update", variable);
    checkTensor("compile", "the value of an update", value);
  }
  return all;
}

/** The updates of the user and of nodes with effects, each variable once. */
function withEffects(outputs: Readonly<Record<string, Tensor>>, updates: readonly Update[]): Update[] {
  const all = new Map<Variable, Tensor>();
  const put = ([variable, value]: Update): void => {
    const known = all.get(variable);
    if (known && known !== value)
      throw new StateError(`compile: variable "${variable.name}" is updated twice, by different values`);
    if (!sameShape(variable.shape, value.shape)) {
      throw new ShapeError(
        `compile: variable "${variable.name}" is ${showShape(variable.shape)}, its update ${showShape(value.shape)}`,
      );
    }
    if (variable.dtype !== value.dtype) {
      throw new DTypeError(`compile: variable "${variable.name}" is ${variable.dtype}, its update ${value.dtype}`);
    }
    all.set(variable, value);
  };
  updates.forEach(put);
  for (const node of reachable([...Object.values(outputs), ...updates.map(([, value]) => value)]))
    node.effects.forEach(put);
  return [...all];
}

/** Inputs with the same name get the same value, so their shapes and dtypes must match. */
function checkNames(roots: readonly Tensor[]): void {
  const known = new Map<string, Tensor>();
  for (const { op, attrs, results } of reachable(roots)) {
    if (op.source !== "input") continue;
    const [tensor] = results;
    const twin = known.get(attrs["name"]);
    known.set(attrs["name"], tensor!);
    if (!twin || (sameShape(twin.shape, tensor!.shape) && twin.dtype === tensor!.dtype)) continue;
    throw new FeedError(
      `compile: two inputs are called "${attrs["name"]}": ${twin.dtype}${showShape(twin.shape)} and ${tensor!.dtype}${showShape(tensor!.shape)}`,
    );
  }
}

/** Most elements a kernel can index: positions are u32, and the last workgroup reaches slightly past the end. */
const mostElements = 2 ** 32 - 1024;

/** Refuses tensors larger than kernels can index, which `expand` creates without memory. */
function checkSizes(roots: readonly Tensor[]): void {
  for (const { op, results } of reachable(roots)) {
    for (const { shape } of results) {
      if (sizeOf(shape) <= mostElements) continue;
      throw new LimitError(
        `compile: ${op.name} gives ${showShape(shape)}, which is ${sizeOf(shape)} elements; kernels count to 2³² (4294967296)`,
      );
    }
  }
}

const copyOp = /* @__PURE__ */ pointwiseOp("copy", { wgsl: (x) => x, js: (x) => x });

/**
 * Gives each foreach tensors of its own, so that all tensors of a role can be laid out contiguously. Copies a tensor
 * that occurs twice, is not computed, or is a view that is not contiguous.
 */
function own(roots: readonly Tensor[], trace: Trace): Tensor[] {
  const taken = new Set<Tensor>();
  const replace = (node: Node, inputs: readonly Tensor[]) => {
    if (node.op.name !== "foreach") return undefined;
    const copied = inputs.map((tensor, i) => {
      if (i < node.attrs["scalars"] || tensor instanceof Variable) return tensor;
      const base = baseOf(tensor);
      if (!isOwn(tensor) || taken.has(base)) return apply(copyOp, [tensor]);
      taken.add(base);
      return tensor;
    });
    return applyAll(node.op, copied, node.attrs);
  };
  return rewrite(roots, replace, trace);
}

import { grad } from "../../src/compile/grad.ts";
import { reachable } from "../../src/graph/print.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import { Tensor, type TensorData } from "../../src/graph/tensor.ts";
import { sum } from "../../src/ops/lines/reduce.ts";
import { add, mul } from "../../src/ops/pointwise/arithmetic.ts";
import { full, input } from "../../src/ops/sources/constants.ts";
import { firstMiss, type GoldenCase, type GoldenTensor, roleOf } from "./cases.ts";
import { type Call, goldenOps } from "./ops.ts";

/** A reference case to compile: its results and gradients, its feeds, and the expected values. */
export interface GoldenGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly wanted: Readonly<Record<string, GoldenTensor>>;
}

/** Builds results and gradients of a case in one graph: the loss is Σ upstream · output over all outputs. */
export function build(golden: GoldenCase, tensors: ReadonlyMap<string, GoldenTensor>): GoldenGraph {
  const feeds: Record<string, TensorData> = {};
  const fed = (name: string): Tensor => {
    const { shape, data } = tensors.get(name)!;
    feeds[roleOf(name)] = data;
    return input(roleOf(name), shape, data instanceof Float32Array ? "f32" : "i32");
  };
  const args = new Map(golden.inputs.map((name) => [roleOf(name), fed(name)]));
  const results = resultsOf(golden, args, feeds);
  const outputs: Record<string, Tensor> = {};
  const wanted: Record<string, GoldenTensor> = {};
  let loss: Tensor = full([], 0);
  golden.outputs.forEach((name, i) => {
    const role = roleOf(name);
    const result = results[role];
    if (!result) throw new Error(`${golden.op} gave no ${role}, only ${Object.keys(results).join(", ")}`);
    outputs[role] = result;
    wanted[role] = tensors.get(name)!;
    const upstream = golden.upstream[i];
    if (upstream) loss = add(loss, sum(mul(result, fed(upstream))));
  });
  const wrt = golden.grads.flatMap((name, i) => (name ? [{ name, x: args.get(roleOf(golden.inputs[i]!))! }] : []));
  grad(
    loss,
    wrt.map(({ x }) => x),
  ).forEach((gradient, i) => {
    const { name } = wrt[i]!;
    outputs[roleOf(name)] = gradient;
    wanted[roleOf(name)] = tensors.get(name)!;
  });
  // A result need not depend on all arguments: x⁰ is 1.
  const read = new Set(reachable(Object.values(outputs)).map(({ attrs }) => attrs.name));
  return { outputs, wanted, feeds: Object.fromEntries(Object.entries(feeds).filter(([name]) => read.has(name))) };
}

function resultsOf(golden: GoldenCase, args: ReadonlyMap<string, Tensor>, feeds: Readonly<Record<string, TensorData>>) {
  const call: Call = {
    args: [...args.values()],
    attrs: golden.attrs,
    optional: (role) => args.get(role),
    operand: (role) => args.get(role) ?? golden.attrs[role],
    holds: (role, value) => Array.prototype.includes.call(feeds[role], value),
    arg(role) {
      const tensor = args.get(role);
      if (!tensor) throw new Error(`${golden.name} has no argument ${role}, only ${[...args.keys()].join(", ")}`);
      return tensor;
    },
  };
  const result = goldenOps[golden.op]!(call);
  if (result instanceof Tensor) return { output: result } as Record<string, Tensor>;
  return Object.fromEntries(
    Object.entries(result).map(([kind, tensor]) => [kind === "output" ? kind : `output.${kind}`, tensor]),
  );
}

/** What is wrong with the results of a case: one line per wrong result. */
export function faults(
  { outputs, wanted }: GoldenGraph,
  { rtol, atol }: GoldenCase,
  got: Readonly<Record<string, ArrayLike<number>>>,
): string[] {
  return Object.entries(wanted).flatMap(([role, want]) => {
    const tensor = outputs[role]!;
    if (`${tensor.shape}` !== `${want.shape}`) return [`${role}: shape [${tensor.shape}], expected [${want.shape}]`];
    if (sizeOf(tensor.shape) !== want.data.length) return [`${role}: ${want.data.length} elements in the file`];
    const whole = want.data instanceof Int32Array;
    if (whole !== (tensor.dtype === "i32")) return [`${role}: ${tensor.dtype}, expected ${whole ? "i32" : "f32"}`];
    const miss = whole ? firstMiss(got[role]!, want.data, 0, 0) : firstMiss(got[role]!, want.data, rtol, atol);
    return miss ? [`${role}${miss}`] : [];
  });
}

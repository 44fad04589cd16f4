import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { print } from "../../src/graph/print.ts";
import { Engine, type Passes, type Tensor, type TensorData, type Variable } from "../../src/index.ts";
import type { Forced } from "../../src/kernels/traits.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { createWasm } from "../../src/wasm/index.ts";
import { forced, forcedVariants } from "../forced.ts";
import { allowance, furthest, largest, noisy } from "../graphs/noise.ts";
import { build, type RandomGraph, recipes } from "../graphs/recipe.ts";
import { inChrome, spares } from "../place.ts";

/*
 * Random graphs of up to 40 nodes and their gradients, with several outputs and with updates that read each other.
 * Compiled with all passes, with none, and with other kernels, they must match the float64 twin, in the second run as
 * in the first.
 *
 * VITE_GRAPHS sets their number, VITE_SEED the seed:
 * `VITE_GRAPHS=2000 VITE_SEED=7 npm run test:node -- test/device/random.test.ts`.
 */
const count = Number(import.meta.env["VITE_GRAPHS"] ?? (inChrome ? 40 : 100));
const seed = Number(import.meta.env["VITE_SEED"] ?? 1);

const { gpu = navigator.gpu } = forced();
const adapter = (await gpu.requestAdapter())!;
const device = await adapter.requestDevice({
  requiredLimits: { maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage },
});
const wasm = await (await createWasm().requestAdapter())!.requestDevice();
afterAll(() => {
  for (const each of [device, wasm]) each.destroy();
});

const nameOf = ({ name }: Variable, i: number) => `variable ${i} (${name})`;

type Values = Readonly<Record<string, ArrayLike<number>>>;

type Way = Passes & { readonly variants?: Forced };

const ways: readonly Way[] = [{}, { simplify: false, fuse: false, merge: false }];
/** The kernels with workgroup memory, for every fourth graph: CPU adapters do not choose them and are slow at them. */
const tiled: Way = {
  variants: forcedVariants("matmul=tiled,reduce=tree,softmax=tree,conv2d=tiled,conv2dWeightGrad=tiled"),
};
/** The definitions: another order of sums, and no vectors. */
const naive: Way = { variants: forcedVariants("naive") };

/** The first values of a graph's variables, the same for every way of computing it. */
type First = ReadonlyMap<Variable, TensorData>;

/** Outputs and variables after each of several runs with different feeds. */
async function onDevice(
  device: GPUDevice,
  graph: RandomGraph,
  first: First,
  { variants = {}, ...passes }: Way,
  runs: number,
): Promise<Values[]> {
  const engine = await Engine.create({ device, variants });
  try {
    for (const [variable, value] of first) engine.write(variable, value);
    const program = await engine.compile({ outputs: graph.outputs, updates: graph.updates }, passes);
    const values: Values[] = [];
    for (let run = 0; run < runs; run++) {
      await program.run(graph.feeds(run));
      const reads = [
        ...Object.entries(program.outputs).map(async ([name, output]) => [name, await output.data()] as const),
        ...graph.variables.map(async (variable, i) => [nameOf(variable, i), await engine.read(variable)] as const),
      ];
      values.push(Object.fromEntries(await Promise.all(reads)));
    }
    return values;
  } finally {
    engine.destroy();
  }
}

/** The same, computed by the float64 twin; with `noise`, as f32 might compute it. */
function onTwin(
  { outputs, updates, variables, feeds }: RandomGraph,
  first: First,
  runs: number,
  noise?: number,
): Values[] {
  const names = Object.keys(outputs);
  const exact: Tensor[] = [...Object.values(outputs), ...updates.map(([, value]) => value)];
  const roots = noise === undefined ? exact : noisy(exact, noise);
  const program = new ReferenceProgram(
    {
      outputs: Object.fromEntries(names.map((name, i) => [name, roots[i]!])),
      updates: updates.map(([variable], i) => [variable, roots[names.length + i]!]),
    },
    new Map([...first].map(([variable, value]) => [variable, Float64Array.from(value)])),
  );
  return Array.from({ length: runs }, (_, run) => ({
    ...Object.fromEntries(Object.entries(program.run(feeds(run))).map(([name, { data }]) => [name, data])),
    ...Object.fromEntries(variables.map((variable, i) => [nameOf(variable, i), program.read(variable)])),
  }));
}

let compared = 0;
let loose = 0;

/** Describes the first difference between two ways of computing a graph, if any. */
async function fault(device: GPUDevice, graph: RandomGraph, more: readonly Way[]): Promise<string | undefined> {
  const runs = 2;
  const first = new Map(graph.variables.map((variable) => [variable, variable.initial]));
  const wanted = onTwin(graph, first, runs);
  const shaken = [1, 2].map((noise) => onTwin(graph, first, runs, noise));
  for (const way of [...ways, ...more]) {
    const got = await onDevice(device, graph, first, way, runs);
    for (const [run, values] of wanted.entries()) {
      for (const [name, want] of Object.entries(values)) {
        const whole = graph.outputs[name]?.dtype === "i32";
        const allowed = whole
          ? 0
          : allowance(
              want,
              shaken.map((twin) => twin[run]![name]!),
            );
        compared++;
        if (allowed > 0.01 * (1 + largest(want))) loose++;
        const off = furthest(got[run]![name]!, want);
        if (off <= allowed) continue;
        const at = Array.from(want).findIndex((value, i) => !(Math.abs(got[run]![name]![i]! - value) <= allowed));
        return `${name}[${at}] is ${got[run]![name]![at]} in run ${run} with ${JSON.stringify(way)}, the twin has ${want[at]}; ${allowed} is allowed`;
      }
    }
  }
  return undefined;
}

/** Checks random graphs. @param other kernels for every fourth of them. */
async function check(device: GPUDevice, other: Way, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(recipes, async (recipe) => {
      const graph = build(recipe);
      const found = await fault(device, graph, recipe.seed % 4 === 0 ? [other] : []);
      if (!found) return;
      const updates = graph.updates.map(([variable, value]) => [`${variable.name}'`, value] as const);
      expect.fail(`${found}\n${print({ ...graph.outputs, ...Object.fromEntries(updates) })}`);
    }),
    { numRuns, seed },
  );
  // Each graph sets its own tolerance. If too many are loose, the graphs test too little.
  expect(loose / compared).toBeLessThan(0.02);
}

const timeout = 60_000 + 2_000 * count;

test("neither passes nor memory planning change what a random graph computes", { timeout }, () =>
  check(device, tiled, count),
);

// What WebAssembly computes does not depend on the place, so Node is enough.
test.skipIf(spares)("nor does WebAssembly", { timeout }, () => check(wasm, naive, count));

import { compile } from "../../src/compile/compile.ts";
import { reachable } from "../../src/graph/print.ts";
import { type Description, type Engine, matmul, type Tensor, tanh } from "../../src/index.ts";
import { given } from "../cases/case.ts";
import { characterLstm, deepNet, perceptron, type Training } from "../workloads.ts";
import { type Budget, time } from "./clock.ts";
import type { ScalingRow } from "./result.ts";
import { stepping } from "./steps.ts";

/** A row to measure, and its kind. */
export interface Scaling {
  readonly name: string;
  row(): Promise<ScalingRow>;
}

/**
 * How the time of a step grows with its dispatches, its batch and its sequence, and the time to compile with the graph.
 */
export function scalings(engine: Engine, budget: Budget, quick: boolean): Scaling[] {
  const sizes = (all: readonly number[]): readonly number[] => (quick ? all.slice(0, -1) : all);
  const step = async (
    of: string,
    size: number,
    { outputs, updates, feeds }: Partial<Training>,
  ): Promise<ScalingRow> => {
    const program = await engine.compile({ ...(outputs && { outputs }), ...(updates && { updates }) });
    const { ms } = await time(stepping(engine, program, feeds ?? {}), "wall", budget);
    const { length: dispatches } = program.inspect().kernels;
    program.destroy();
    return { of, size, ms, dispatches };
  };
  const rows = (of: string, all: readonly number[], row: (size: number) => Promise<ScalingRow>): Scaling[] =>
    all.map((size) => ({ name: `${of} ${size}`, row: () => row(size) }));
  return [
    ...rows("dispatches", sizes([10, 100, 1000, 10_000]), (n) =>
      step("dispatches", n, { outputs: { loss: chain(n) } }),
    ),
    ...rows("batch", sizes([1, 4, 16, 64, 256, 1024, 4096]), (n) => step("batch", n, perceptron(n))),
    ...rows("sequence", sizes([8, 32, 128, 512, 1024]), (n) => step("sequence", n, characterLstm(n))),
    ...rows("compile", [100, 500, 1000, 2000], (n) => compiling(engine, "compile", { outputs: { y: variedChain(n) } })),
    ...rows("compile training", sizes([5, 25, 100, 400]), (n) => compiling(engine, "compile training", deepNet(n))),
  ];
}

/** A chain of dependent products: as many dispatches, each with almost no work. */
function chain(length: number): Tensor {
  const w = given("w", 16, 16);
  let x: Tensor = given("x", 4, 16);
  for (let i = 0; i < length; i++) x = matmul(x, w);
  return x;
}

/** A graph of `nodes` nodes with four kernels that no other size has. */
function variedChain(nodes: number): Tensor {
  const width = 8 + Math.round(nodes / 25);
  let x: Tensor = given("x", 1, width);
  let made = 1;
  for (let i = 1; made < nodes; i++) {
    const [from, to] = [x.shape[1]!, width + (i % 4)];
    x = tanh(matmul(x, given(`w${i}`, from, to)));
    made += 3;
  }
  return x;
}

async function compiling(engine: Engine, of: string, { outputs = {}, updates = [] }: Description): Promise<ScalingRow> {
  const size = reachable([...Object.values(outputs), ...updates.map(([, value]) => value)]).length;
  const start = performance.now();
  const { calls } = compile({ outputs, updates }, engine.traits);
  const passesMs = performance.now() - start;
  const again = performance.now();
  const program = await engine.compile({ outputs, updates });
  const ms = performance.now() - again;
  program.destroy();
  return { of, size, ms, passesMs, dispatches: calls.length };
}

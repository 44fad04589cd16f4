import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { grad, input, lstm, mul, sum, type Tensor } from "../../src/index.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import { evaluate } from "../../src/reference/index.ts";
import { countTrafficIn, type Finding, findRacesIn, type KernelTraffic } from "../../src/selfcheck/index.ts";
import { type Problem, problems } from "../../src/selfcheck/registry.ts";
import { gpu, software } from "../adapters.ts";

/*
 * Every kernel of every variant, each invocation watched: no races, no barrier that some miss, no unwritten workgroup
 * memory, no store out of range; results that are right and the same to the bit in any order; and as many loads and
 * stores as were counted from the kernel's text.
 *
 * Products, convolutions and recurrent steps load elements past the end of their operands, by design: WebGPU gives them
 * 0 or another element of the buffer, and their results are not stored. So the two runs below give them different
 * values.
 */

const features = new Set(["shader-f16", "subgroups"]);

/** The findings that are faults: all but loads past the end of a buffer. */
const faultsIn = (findings: readonly Finding[]): string[] =>
  findings.filter(({ kind, access }) => kind !== "bounds" || access.does === "writes").map(({ message }) => message);

const ways = [
  { order: "reversed", outside: "zero" },
  { order: 7, outside: "last" },
] as const;

type Runnable = Pick<Problem, "outputs" | "feeds">;
type Run = ReturnType<typeof findRacesIn>;

/** Runs a problem both ways. */
const runsOf = ({ outputs, feeds }: Runnable, traits: AdapterTraits): Run[] =>
  ways.map((way) => findRacesIn({ outputs }, feeds, { traits, ...way }));

/** What is wrong with the two runs of a problem. */
function faultsOf({ outputs, feeds }: Runnable, [one, other]: readonly Run[], tolerance: number): string[] {
  const wrong = Object.entries(evaluate(outputs, { inputs: feeds })).flatMap(([name, { data }]) => {
    const [got, again] = [one!.outputs[name]!, other!.outputs[name]!];
    const at = data.findIndex((value, i) => !(Math.abs(got[i]! - value) <= tolerance * (1 + Math.abs(value))));
    const changed = got.findIndex((value, i) => !Object.is(value, again[i]));
    return [
      ...(at >= 0 ? [`${name}[${at}] is ${got[at]}, expected ${data[at]}`] : []),
      ...(changed >= 0 ? [`${name}[${changed}] is ${got[changed]}, or ${again[changed]} in another order`] : []),
    ];
  });
  return [...wrong, ...faultsIn([...one!.findings, ...other!.findings])];
}

/**
 * Kernels in which values that other kernels compute decide what is asked for, and how their counts compare to a run. The
 * winner of a window has a gradient to add, the others have not; of sorted positions the first few are stored, and those of
 * a row end where the next row's begin; and a binary search takes as many rounds as it takes, of which few are counted.
 */
const decided: Readonly<Record<string, "more" | "fewer">> = {
  "maxPool2dGrad/naive read": "more",
  "embeddingGrad/sorted read": "more",
  "embeddingGrad/sorted written": "more",
  "sort/naive written": "more",
  "sort/merge written": "more",
  "sort/merge read": "fewer",
};

/** Holds what the text of a kernel asks for to what a run did ask for. */
function expectCounts(own: KernelTraffic, run: Run["kernels"][number]): void {
  const kernel = `${own.family}/${own.variant}`;
  const isDecided = Object.keys(decided).some((key) => key.startsWith(`${kernel} `));
  for (const key of ["label", "invocations", "workgroupBytes"] as const) expect(own[key]).toBe(run[key]);
  expect(own.asked).toBe(own.operands.reduce((sum, { read, written }) => sum + read + written, 0));
  own.operands.forEach((operand, k) => {
    const { bytesRead, bytesWritten } = run.traffic[k]!;
    const known = { read: bytesRead, written: bytesWritten };
    for (const what of ["read", "written"] as const) {
      const { name, isExact } = operand;
      const counts = { label: own.label, name, bytes: operand[what], isExact };
      const how = operand[what] === known[what] ? undefined : decided[`${kernel} ${what}`];
      if (!how) expect(counts).toEqual({ ...counts, bytes: known[what], isExact: isDecided ? isExact : true });
      else {
        expect(isExact).toBe(false);
        if (how === "more") expect(counts.bytes).toBeGreaterThan(known[what]);
        else expect(counts.bytes).toBeLessThan(known[what]);
      }
    }
    expect(operand.shared).toBeLessThanOrEqual(operand.read);
  });
}

/** Adapters, with subgroups of the largest and smallest size that is common. */
const adapters = [
  { ...gpu, features, subgroupSize: 32 },
  { ...software, features, subgroupSize: 4 },
];

describe.each([
  ["f32", 2e-4],
  ["f16", 2e-2],
] as const)("in %s", (dtype, tolerance) => {
  const all = problems(dtype).flatMap((problem, i) =>
    problem.family.variants.map(({ name }) => ({
      name: `${problem.family.name}/${name} ${i}`,
      problem,
      variant: name,
    })),
  );
  test.each(all)("$name", { timeout: 30_000 }, ({ problem, variant }) => {
    const { family, within, outputs } = problem;
    const fitting = adapters
      .slice(0, dtype === "f16" ? 1 : 2)
      .map((traits) => ({ ...traits, forced: { ...within, [family.name]: { ifFits: variant } } }))
      .filter((traits) =>
        compile({ outputs }, traits).calls.some((call) => call.family === family.name && call.variant === variant),
      );
    expect(fitting).not.toEqual([]);
    for (const traits of fitting) {
      const runs = runsOf(problem, traits);
      expect(faultsOf(problem, runs, tolerance)).toEqual([]);
      const counted = countTrafficIn({ outputs }, problem.feeds, { traits, mostInvocations: 2 ** 20 });
      const { kernels } = runs[0]!;
      expect(counted.length).toBe(kernels.length);
      counted.forEach((own, i) => expectCounts(own, kernels[i]!));
    }
  });
});

describe.each([
  ["of many units and of one gate at a time", 100, { maxInvocations: 64, maxWorkgroupBytes: 3200 }],
  ["of pieces that differ in size", 9, {}],
] as const)("a walk %s", (_, hidden, limits) => {
  test.each(["walk", "walk4", "walk8"])("%s", { timeout: 60_000 }, (variant) => {
    const sizes = { x: [2, 5, 2], weightIh: [4 * hidden, 2], weightHh: [4 * hidden, hidden], h0: [1, 5, hidden] };
    const leaves = Object.entries(sizes).map(([name, shape]) => input(name, shape));
    const feeds = Object.fromEntries(
      Object.entries(sizes).map(([name, shape]) => [
        name,
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i + 1) / 4),
      ]),
    );
    const [x, weightIh, weightHh, h0] = leaves as [Tensor, Tensor, Tensor, Tensor];
    const { output } = lstm(x, [{ weightIh, weightHh }], { h0 });
    const [dx, dh0] = grad(sum(mul(output, output)), [x, h0]);
    const traits = { ...gpu, ...limits, forced: { lstm: variant } };
    const problem = { outputs: { output, dx: dx!, dh0: dh0! }, feeds };
    expect(faultsOf(problem, runsOf(problem, traits), 2e-4)).toEqual([]);
  });
});

describe("as programs are compiled", () => {
  const few = problems("f32").filter(({ family }) =>
    /^(elementwise|matmul|reduce|softmax|norm|lstm|sort)$/.test(family.name),
  );

  test.each(few)("$family.name, with merged kernels", { timeout: 30_000 }, (problem) => {
    const merged = adapters.flatMap((traits) =>
      compile(problem, traits).calls.filter(({ parts }) => parts!.length > 1),
    );
    if (problem.family.name === "elementwise") expect(merged).not.toEqual([]);
    expect(adapters.flatMap((traits) => faultsOf(problem, runsOf(problem, traits), 2e-4))).toEqual([]);
  });

  test.each(few)(
    "$family.name, with folded grids, whose surplus workgroups store nothing",
    { timeout: 30_000 },
    (problem) => {
      const traits = { ...adapters[0]!, maxWorkgroups: 8 };
      expect(faultsOf(problem, runsOf(problem, traits), 2e-4)).toEqual([]);
    },
  );
});

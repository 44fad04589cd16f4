import { describe, expect, test } from "vitest";
import { everything } from "../../bench/plans.ts";
import { kernel } from "../../shaders/lib/compose.ts";
import { compile, type Description } from "../../src/compile/compile.ts";
import { dispatch } from "../../src/compile/dispatch.ts";
import { grad } from "../../src/compile/grad.ts";
import { LimitError } from "../../src/errors.ts";
import { exportPrograms } from "../../src/exported/export.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import * as t from "../../src/index.ts";
import { input } from "../../src/index.ts";
import type { KernelCall, PrintedCall } from "../../src/kernels/call.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import { problems, variantNames } from "../../src/selfcheck/registry.ts";
import { gpu, software } from "../adapters.ts";
import { cases } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { absentFiles, readManifest, readTensors } from "../golden/cases.ts";
import { build } from "../golden/graph.ts";
import { skipped } from "../golden/ops.ts";

/*
 * Every call must keep to the limits of the adapter it was compiled for: those of the export targets, and some with so
 * few workgroups along an axis that small problems fill all three.
 */

const able = { ...gpu, maxStorageBuffers: 10, features: new Set(["shader-f16", "subgroups"]) };
const targets: readonly AdapterTraits[] = [
  { ...gpu, maxStorageBuffers: 10 },
  { ...software, maxStorageBuffers: 10, features: new Set(["subgroups"]) },
  gpu,
];
const tiny = (traits: AdapterTraits, maxWorkgroups: number): AdapterTraits => ({ ...traits, maxWorkgroups });

const elementBytes: Readonly<Record<string, number>> = {
  f32: 4,
  u32: 4,
  i32: 4,
  f16: 2,
  vec2f: 8,
  vec3f: 16,
  vec2u: 8,
  vec4f: 16,
  vec4h: 8,
};

/** The ways in which a call exceeds an adapter's limits. */
function beyond({ label, wgsl, workgroups, bindings }: PrintedCall, traits: AdapterTraits): string[] {
  const size = wgsl
    .match(/@workgroup_size\(([^)]*)\)/)![1]!
    .split(",")
    .map(Number);
  const memory = [...wgsl.matchAll(/^var<workgroup> \w+: array<(\w+), (\d+)>;/gm)].reduce(
    (sum, [, type, length]) => sum + elementBytes[type!]! * Number(length),
    0,
  );
  const used = {
    maxWorkgroups: Math.max(...workgroups),
    maxInvocations: sizeOf(size),
    maxWorkgroupBytes: memory,
    maxStorageBuffers: bindings.length,
  };
  const whole = workgroups.every((n) => Number.isInteger(n) && n >= 1);
  return [
    ...(whole && !Number.isNaN(memory) ? [] : [`${label}: ${workgroups} workgroups, ${memory} bytes`]),
    ...Object.entries(used).flatMap(([name, n]) =>
      n <= traits[name as keyof typeof used] ? [] : [`${label}: ${name} ${n}`],
    ),
  ];
}

const faultsOf = (description: Description, adapters: readonly AdapterTraits[]): string[] =>
  adapters.flatMap((traits) => compile(description, traits).calls.flatMap((call) => beyond(call, traits)));

describe("every call is within the limits of its adapter", { timeout: 60_000 }, () => {
  test("in all cases", () => {
    const adapters = [targets[1]!, tiny(gpu, 9)];
    for (const row of cases) {
      for (const shapes of row.pointwise ? row.shapes.slice(-2) : row.shapes) {
        const { inputs } = inputsOf(fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)), shapes);
        const y = row.op(...inputs);
        const floats = inputs.filter((x) => x.dtype === "f32");
        const gradients = y.dtype === "f32" && !row.noGradient ? grad(weigh(y), floats) : [];
        const outputs = { y, ...Object.fromEntries(gradients.map((dx, i) => [`gradient ${i}`, dx])) };
        expect(faultsOf({ outputs }, adapters), row.name).toEqual([]);
      }
    }
  });

  test("in the reference cases", async () => {
    const [{ cases }, absent] = await Promise.all([readManifest(), absentFiles()]);
    for (const golden of cases) {
      if (skipped(golden, absent)) continue;
      const { outputs } = build(golden, await readTensors(golden.file));
      expect(faultsOf({ outputs }, [tiny(gpu, 16)]), golden.name).toEqual([]);
    }
  });

  test.each(everything.steps)("in a step of $name", ({ build }) => {
    expect(faultsOf(build(), [...targets, ...targets.map((traits) => tiny(traits, 41))])).toEqual([]);
  });
});

/** Sizes at which an axis with one workgroup per element, line or image has one more than WebGPU guarantees. */
const most = 65535;
const over = most + 1;
const large: Readonly<Record<string, (n: number) => Record<string, t.Tensor>>> = {
  "stacks of matrices": (n) => {
    const [a, b] = [input("a", [n, 1, 2]), input("b", [n, 2, 3])];
    const y = t.matmul(a, b);
    return { y, ...gradients(y, { a, b }) };
  },
  "rows of a product": (n) => ({ y: t.matmul(input("a", [n * 64, 3]), input("b", [3, 1])) }),
  "columns of a product": (n) => ({ y: t.matmul(input("a", [2, 3]), input("b", [3, n * 64])) }),
  "images of a pooling": (n) => {
    const x = input("x", [n, 1, 2, 2]);
    const [mean, max] = [t.avgPool2d(x, 2), t.maxPool2d(x, 2)];
    return { mean, max, ...gradients(t.add(mean, max), { x }) };
  },
  "channels of a convolution": (n) => {
    const [x, w] = [input("x", [1, n, 2, 2]), input("w", [n, 1, 2, 2])];
    const y = t.conv2d(x, w, undefined, { groups: n });
    return { y, ...gradients(y, { x, w }) };
  },
  lines: (n) => {
    const x = input("x", [n * 64, 3]);
    const y = t.add(t.add(t.softmax(x), t.layerNorm(x, 3)), t.cumsum(x, 1));
    return {
      y,
      sum: t.sum(x, 1),
      best: t.argmax(x, 1),
      loss: t.softmaxCrossEntropy(x, input("label", [n * 64], "i32")),
      ...gradients(y, { x }),
    };
  },
  "elements that move": (n) => {
    const x = input("x", [n * 256, 1]);
    const index = input("index", [n * 256, 1], "i32");
    return {
      padded: t.pad(x, { low: [1, 0], high: [0, 0] }),
      joined: t.concat([x, x], 1),
      gathered: t.gather(x, 0, index),
      scattered: t.scatterAdd(x, 0, index, x),
      rows: t.embedding(input("rows", [n * 64], "i32"), input("table", [n * 64, 1])),
      squares: t.squaredNorm([x]),
      half: t.exp(t.cast(x, "f16")),
    };
  },
  "sequences of a batch": (n) => {
    const { output } = t.rnn(input("x", [2, n * 16, 1]), [
      { weightIh: input("weightIh", [2, 1]), weightHh: input("weightHh", [2, 2]) },
    ]);
    return { output };
  },
};

const gradients = (y: t.Tensor, of: Readonly<Record<string, t.Tensor>>) => {
  const found = grad(t.sum(t.mul(y, y)), Object.values(of));
  return Object.fromEntries(Object.keys(of).map((name, i) => [`d${name}`, found[i]!]));
};

/** Adapters that force each variant wherever it fits. */
const forcing = (traits: AdapterTraits): AdapterTraits[] =>
  [...new Set([...variantNames().values()].flat())].map((variant) => ({
    ...traits,
    forced: { "*": variant },
  }));

describe("at the largest grids of an axis and beyond", { timeout: 60_000 }, () => {
  test.each(Object.entries(large))("%s, in every variant and for every target", (_, build) => {
    for (const n of [most, over]) {
      const outputs = build(n);
      const adapters = [
        ...targets.map((traits) => ({ ...traits, features: able.features })),
        ...forcing(able),
        ...forcing({ ...able, cpu: true }),
      ];
      expect(faultsOf({ outputs }, adapters), `${n}`).toEqual([]);
    }
  });

  test("variants that were not exported", () => {
    const x = input("x", [128, 512, 2, 2]);
    const { targets } = exportPrograms({ pool: { outputs: { y: t.avgPool2d(x, 2) } } });
    for (const { needs, programs } of targets) {
      for (const { workgroups } of programs["pool"]!.calls) {
        expect(Math.max(...workgroups)).toBeLessThanOrEqual(needs.maxWorkgroups);
      }
    }
  });
});

const empty: KernelCall = {
  label: "none:f32",
  family: "none",
  variant: "only",
  kernel: kernel({ workgroup: [8, 2, 1], parts: [], body: "let place = id + group;" }),
  bindings: [],
  workgroups: [1, 1, 1],
  flops: 0,
  bytes: 0,
};
const folded = (workgroups: readonly [number, number, number], maxWorkgroups: number) =>
  dispatch({ ...empty, workgroups }, tiny(gpu, maxWorkgroups));

test("a folded grid contains each workgroup of the kernel's own grid once, and surplus ones exit", () => {
  for (const [own, max] of [
    [[8, 1, 1], 7],
    [[50, 1, 1], 7],
    [[3, 50, 2], 7],
    [[1, 1, 11], 3],
    [[5, 9, 7], 8],
  ] as const) {
    const { workgroups, wgsl } = folded(own, max);
    expect(Math.max(...workgroups)).toBeLessThanOrEqual(max);
    // The arithmetic of the kernel's entry point, in JavaScript.
    const [, number, count, group] =
      /let number = (.*);\n {2}if \(number >= (\d+)u\) \{ return; \}\n {2}let group = vec3u(.*);/
        .exec(wgsl)!
        .map((text) => text.replaceAll(/(\d)u/g, "$1").replaceAll(/(number \/ \d+)/g, "Math.floor($1)"));
    const place = new Function(
      "at",
      `const number = ${number}; return number >= ${count} ? undefined : [${group!.slice(1, -1)}]`,
    );
    const met = new Set<string>();
    let times = 0;
    const [x, y, z] = workgroups;
    for (let i = 0; i < x * y * z; i++) {
      const at = place({ x: i % x, y: Math.floor(i / x) % y, z: Math.floor(i / x / y) });
      if (!at) continue;
      expect(at.every((n: number, axis: number) => n < own[axis]!)).toBe(true);
      met.add(String(at));
      times++;
    }
    expect([met.size, times]).toEqual([sizeOf(own), sizeOf(own)]);
    expect(wgsl).toContain("let id = group * vec3u(8u, 2u, 1u) + local;");
  }
  expect(folded([7, 7, 7], 7).wgsl).toBe(dispatch(empty, gpu).wgsl);
});

test("problems too large for a grid or for u32 are refused by name", () => {
  const refused = (run: () => unknown) => expect(run).toThrow(LimitError);
  expect(() => folded([344, 1, 1], 7)).toThrow("none:f32 takes 344 × 1 × 1 workgroups; this adapter runs 7 along each");
  refused(() => folded([2 ** 16, 2 ** 16, 1], 65535));
  refused(() => folded([2 ** 29, 1, 1], 65535));
  const wide = t.sum(t.expand(input("x", [1]), [3, 2 ** 31]));
  expect(() => compile({ outputs: { wide } }, gpu)).toThrow(
    "expand gives [3, 2147483648], which is 6442450944 elements",
  );
  refused(() => compile({ outputs: { y: input("x", [2 ** 17, 2 ** 16]) } }, gpu));
});

test("the registry has the families and variants of all calls, runs each, and notes every declaration", () => {
  const seen = new Set<string>();
  for (const { family, within, outputs } of (["f32", "f16"] as const).flatMap(problems)) {
    const own = new Set<string>();
    for (const traits of [gpu, software]) {
      for (const { name } of family.variants) {
        const forced = { ...within, [family.name]: { ifFits: name } };
        const adapter = { ...traits, features: able.features, forced };
        for (const call of compile({ outputs }, adapter, new Map(), { merge: false }).calls) {
          seen.add(`${call.family}/${call.variant}`);
          if (call.family === family.name) own.add(call.variant);
          expect(call.source, call.label).toMatch(/^shaders\/\w+\.wgsl\.ts$/);
          const declared = call.annotated!().match(/^(?:const|alias [FIUH]\b|@group|var).*/gm)!;
          expect(
            declared.filter((line) => !/; \/\/ ./.test(line)),
            call.label,
          ).toEqual([]);
        }
      }
    }
    expect([...own].sort(), family.name).toEqual(family.variants.map(({ name }) => name).sort());
  }
  const listed = [...variantNames()].flatMap(([family, names]) => names.map((name) => `${family}/${name}`));
  expect([...seen].filter((name) => !listed.includes(name))).toEqual([]);
});

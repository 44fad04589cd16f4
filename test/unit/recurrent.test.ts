import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { grad } from "../../src/compile/grad.ts";
import { AttributeError, DTypeError, ShapeError } from "../../src/errors.ts";
import { reachable } from "../../src/graph/print.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import * as nn from "../../src/nn/index.ts";
import { sum } from "../../src/ops/lines/reduce.ts";
import { gru, lstm, lstmCell, rnn } from "../../src/ops/network/recurrent.ts";
import { mul } from "../../src/ops/pointwise/arithmetic.ts";
import { constant, input } from "../../src/ops/sources/constants.ts";
import { evaluate } from "../../src/reference/index.ts";
import { gpu, software } from "../adapters.ts";
import { checkGradients, weigh, weighAll } from "../differences.ts";

const values = (n: number, seed = 0) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.3 + seed));
const tensor = (...shape: number[]) =>
  constant(
    values(
      shape.reduce((a, b) => a * b, 1),
      shape.length,
    ),
    shape,
  );
const weights = (gates: number, inputs: number, hidden: number) => ({
  weightIh: tensor(gates * hidden, inputs),
  weightHh: tensor(gates * hidden, hidden),
});

describe("recurrent ops", () => {
  test("report the shape that does not fit", () => {
    const x = tensor(5, 2, 3);
    expect(() => lstm(tensor(5, 3), [weights(4, 3, 2)])).toThrow("lstm: input is [5, 3], expected [T, N, I]");
    expect(() => lstm(x, [])).toThrow("lstm: 0 sets of weights given, expected at least one");
    expect(() => lstm(x, [weights(4, 3, 2)], { bidirectional: true })).toThrow(ShapeError);
    expect(() => lstm(x, [weights(4, 4, 2)])).toThrow("lstm: weightIh is [8, 4], expected [8, 3]");
    expect(() => gru(x, [weights(4, 3, 2)])).toThrow("gruSequence: recurrent weight is [8, 2], expected [3·H, H]");
    expect(() => lstm(x, [weights(4, 3, 2)], { h0: tensor(1, 5, 2) })).toThrow(
      "lstm: h0 is [1, 5, 2], expected [1, 2, 2]",
    );
    expect(() => lstm(x, [{ ...weights(4, 3, 2), biasHh: tensor(2) }])).toThrow("lstm: biasHh is [2], expected [8]");
    expect(() => lstmCell(x, weights(4, 3, 2))).toThrow("lstmCell: input is [5, 2, 3], expected [N, I]");
    expect(() => lstm(x, [{ ...weights(4, 3, 2), weightHh: input("w", [8, 2], "i32") }])).toThrow(DTypeError);
  });

  test("read a batch the same way wherever its axis is", () => {
    const x = tensor(4, 3, 2);
    const turned = constant(
      Float32Array.from({ length: 24 }, (_, i) => values(24, 3)[((i % 8) >> 1) * 6 + (i >> 3) * 2 + (i % 2)]!),
      [3, 4, 2],
    );
    const [a, b] = [gru(x, [weights(3, 2, 5)]), gru(turned, [weights(3, 2, 5)], { batchFirst: true })];
    const [hidden, other] = evaluate([a.hN, b.hN]);
    expect(other).toEqual(hidden);
    expect(b.output.shape).toEqual([3, 4, 5]);
  });
});

const layers = { lstm: nn.lstm, gru: nn.gru, rnn: nn.rnn };

describe("gradients of gradients", () => {
  const kinds = ["lstm", "gru", "rnn"] as const;

  /** A gradient penalty, and the tensors to differentiate it by: x, h0, the weights. */
  function penalty(kind: (typeof kinds)[number], steps: number) {
    const layer = layers[kind](2, 3, { layers: 2, bidirectional: true, batchFirst: true });
    const [x, h0] = [input("x", [2, steps, 2]), input("h0", [4, 2, 3])];
    const { output } = layer(x, { h0 });
    const [dx] = grad(sum(mul(output, output)), [x]);
    return { loss: sum(mul(dx!, dx!)), wrt: [x, h0, ...layer.variables.values()] };
  }

  test.each(kinds)("%s: a third time, against central differences", (kind) => {
    const [x, h0] = [input("x0", [3, 2, 2]), input("x1", [1, 2, 3])];
    const { output } = { lstm, gru, rnn }[kind](x, [weights({ lstm: 4, gru: 3, rnn: 1 }[kind], 2, 3)], { h0 });
    const feeds = { x0: values(12), x1: values(6, 2) };
    const [once] = grad(weigh(output), [x]);
    const twice = grad(weigh(once!), [x, h0]);
    checkGradients(weighAll(twice), [x, h0], feeds, { most: 4 });
  });

  test.each(kinds)("%s: the graph grows by the same number of nodes with each step", (kind) => {
    const counts = [4, 5, 6].map((steps) => {
      const { loss, wrt } = penalty(kind, steps);
      return reachable(grad(loss, wrt)).length;
    });
    expect(counts[1]! - counts[0]!).toBeLessThan(4 * 120);
    expect(counts[2]! - counts[1]!).toBe(counts[1]! - counts[0]!);
  });

  test.each(kinds)("%s: first gradients have no unrolled steps", (kind) => {
    const { loss } = penalty(kind, 5);
    const names = reachable([loss]).map(({ op }) => op.name);
    expect(names.filter((name) => name === `${kind}SequenceGrad`)).toHaveLength(4);
    expect(names).not.toContain("tanh");
  });
});

describe("recurrent kernels", () => {
  /** Calls for a layer with first states, forward and for all gradients. */
  function calls(kind: "lstm" | "gru" | "rnn", traits: AdapterTraits, twice = false) {
    const layer = layers[kind](3, 16, { batchFirst: true });
    const [x, h0, c0] = [input("x", [5, 20, 3]), input("h0", [1, 5, 16]), input("c0", [1, 5, 16])];
    const { output, hN } = layer(x, kind === "lstm" ? { h0, c0 } : { h0 });
    const wrt = [x, h0, ...(kind === "lstm" ? [c0] : []), ...layer.variables.values()];
    const gradients = [...grad(sum(output), wrt), ...(twice ? grad(sum(hN), wrt) : [])];
    const outputs = Object.fromEntries([output, ...gradients].map((tensor, i) => [`${i}`, tensor]));
    return compile({ outputs }, traits, new Map(), { merge: false }).calls;
  }

  /** Those of the recurrence itself. */
  const kernels = (kind: "lstm" | "gru" | "rnn", traits: AdapterTraits, twice = false) =>
    calls(kind, traits, twice).filter(({ family }) => family === kind);

  test.each(["lstm", "gru", "rnn"] as const)("%s: the steps on a CPU adapter share their kernels", (kind) => {
    const steps = kernels(kind, software);
    expect(steps).toHaveLength(40);
    expect(new Set(steps.map(({ wgsl }) => wgsl)).size).toBeLessThanOrEqual(5);
  });

  test.each(["lstm", "gru", "rnn"] as const)("%s: a GPU walks the sequence in one dispatch", (kind) => {
    expect(kernels(kind, gpu).map(({ variant }) => variant)).toEqual(["walk", "walk"]);
  });

  /** The variant, workgroups and bytes of workgroup memory of both passes of an LSTM. */
  function plans(steps: number, rows: number, hidden: number, traits: AdapterTraits) {
    const [x, weightIh, weightHh] = [
      [steps, rows, 3],
      [4 * hidden, 3],
      [4 * hidden, hidden],
    ].map((shape, i) => input(`${i}`, shape)) as [Tensor, Tensor, Tensor];
    const { output } = lstm(x, [{ weightIh, weightHh }]);
    const outputs = { output, dx: grad(sum(output), [x])[0]! };
    return compile({ outputs }, traits, new Map(), { merge: false })
      .calls.filter(({ family }) => family === "lstm")
      .map(({ variant, workgroups, wgsl }) => {
        const lengths = [...wgsl!.matchAll(/var<workgroup> \w+: array<f32, (\d+)>/g)].map(([, n]) => 4 * Number(n));
        return { variant, workgroups: workgroups[0], bytes: lengths.reduce((a, b) => a + b, 0) };
      });
  }

  test.each([
    [1, 128, "walk", 1],
    [32, 128, "walk", 32],
    [64, 128, "walk4", 16],
    [200, 128, "walk8", 25],
    [64, 512, "walk4", 16],
  ])("a GPU shares weights among rows once its processors are busy: %i rows, %i units", (rows, hidden, ...plan) => {
    expect(plans(3, rows, hidden, gpu).map(({ variant, workgroups }) => [variant, workgroups])).toEqual([plan, plan]);
  });

  test("a GPU takes a dispatch per step where the weights are larger than that is worth", () => {
    expect(new Set(plans(3, 4, 768, gpu).map(({ variant }) => variant))).toEqual(new Set(["steps4"]));
    expect(new Set(plans(3, 4, 512, gpu).map(({ variant }) => variant))).toEqual(new Set(["walk"]));
  });

  test.each(["walk", "walk4", "walk8"])("%s keeps to the workgroup memory of every adapter", (variant) => {
    for (const hidden of [1, 9, 64, 100, 128, 250, 256, 500, 512])
      for (const { bytes } of plans(2, 9, hidden, { ...gpu, forced: { lstm: variant } })) {
        expect(bytes).toBeGreaterThan(0);
        expect(bytes).toBeLessThanOrEqual(gpu.maxWorkgroupBytes);
      }
  });

  test.each(["naive", "vec4"])("the copy of a weight takes the variant %s if it is forced", (elementwise) => {
    const copies = calls("lstm", { ...gpu, forced: { elementwise } }).filter(
      ({ label }) => label === "copy[16x64]:f32",
    );
    expect(copies.map(({ variant }) => variant)).toEqual([elementwise]);
  });

  test.each(["lstm", "gru", "rnn"] as const)(
    "%s: all kernels keep to eight buffers, if need be to seven, and bind what they write once",
    (kind) => {
      for (const maxStorageBuffers of [8, 7]) {
        const adapters = [software, gpu].map((traits) => ({ ...traits, maxStorageBuffers }));
        for (const { bindings, wgsl } of adapters.flatMap((traits) => kernels(kind, traits, true))) {
          expect(bindings.length).toBeLessThanOrEqual(maxStorageBuffers);
          expect(wgsl.match(/@binding/g)).toHaveLength(bindings.length);
          for (const { buffer, offset, size } of bindings.filter(({ access }) => access === "read_write")) {
            const others = bindings.filter((other) => other.buffer === buffer && other.offset < offset + size);
            expect(others.filter((other) => offset < other.offset + other.size)).toHaveLength(1);
          }
        }
      }
    },
  );
});

describe("recurrent layers", () => {
  test("have PyTorch's names and shapes", () => {
    const layer = nn.lstm(3, 2, { layers: 2, bidirectional: true });
    const shapes = [...nn.stateDict(layer)].map(([name, { shape }]) => `${name} ${shape.join("×")}`);
    const kinds = (l: number, wide: number, suffix: string) => [
      `weight_ih_l${l}${suffix} 8×${wide}`,
      `weight_hh_l${l}${suffix} 8×2`,
      `bias_ih_l${l}${suffix} 8`,
      `bias_hh_l${l}${suffix} 8`,
    ];
    expect(shapes).toEqual([
      ...kinds(0, 3, ""),
      ...kinds(0, 3, "_reverse"),
      ...kinds(1, 4, ""),
      ...kinds(1, 4, "_reverse"),
    ]);
    expect([...nn.gru(3, 2, { bias: false }).variables.keys()]).toEqual(["weight_ih_l0", "weight_hh_l0"]);
    expect([...nn.gruCell(3, 2).variables.keys()]).toEqual(["weight_ih", "weight_hh", "bias_ih", "bias_hh"]);
  });

  test("start within ±1/√hidden", () => {
    const { variables } = nn.rnn(3, 16);
    for (const { initial } of variables.values()) {
      expect(Math.max(...initial.map(Math.abs))).toBeLessThanOrEqual(0.25);
      expect(Math.max(...initial.map(Math.abs))).toBeGreaterThan(0.15);
    }
  });

  test("join a sequence of modules with their output", () => {
    const model = nn.sequential({
      lstm: nn.lstm(3, 4, { batchFirst: true }).output,
      last: nn.lastStep(),
      fc: nn.linear(4, 2),
    });
    expect(model(input("x", [5, 7, 3])).shape).toEqual([5, 2]);
    expect([...model.variables.keys()].filter((name) => name.startsWith("lstm."))).toHaveLength(4);
    expect(() => nn.lastStep(3)(input("x", [5, 7, 3]))).toThrow(ShapeError);
  });

  test("apply dropout between layers only in training", () => {
    const layer = nn.gru(3, 4, { layers: 2, dropout: 0.5 });
    const x = tensor(2, 3, 3);
    const text = (training: boolean) => [...new Set(namesOf(layer(x, { training }).output))];
    expect(text(false)).not.toContain("where");
    expect(text(true)).toContain("where");
  });

  test("accept and return states", () => {
    const layer = nn.lstm(3, 4);
    const x = tensor(6, 2, 3);
    const whole = layer(x);
    const half = (from: number) => constant(values(36, 3).slice(from, from + 18), [3, 2, 3]);
    const first = layer(half(0));
    const second = layer(half(18), { h0: first.hN, c0: first.cN });
    const [wanted, got] = evaluate([whole.cN, second.cN]);
    got!.data.forEach((value, i) => expect(value).toBeCloseTo(wanted!.data[i]!, 12));
    expect(nn.lstmCell(3, 4)(tensor(2, 3)).c.shape).toEqual([2, 4]);
  });

  test("refuse invalid sizes", () => {
    expect(() => nn.lstm(0, 4)).toThrow(AttributeError);
    expect(() => nn.gru(3, 1.5)).toThrow("nn.gru: hidden is 1.5");
    expect(() => nn.rnn(3, 4, { layers: 0 })).toThrow("nn.rnn: layers is 0");
    expect(() => nn.rnn(3, 4, { dropout: 2 })).toThrow(AttributeError);
  });
});

function namesOf(tensor: { node: { op: { name: string }; inputs: readonly unknown[] } }): string[] {
  return [tensor.node.op.name, ...tensor.node.inputs.flatMap((x) => namesOf(x as typeof tensor))];
}

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { follow, keyOf } from "../../demos/inside/follow.ts";
import { draw } from "../../demos/inside/layout.ts";
import { linksOf, stages } from "../../demos/inside/links.ts";
import { indexOf, placeOf } from "../../demos/inside/places.ts";
import { highlight } from "../../demos/inside/wgsl.ts";
import { bytes, time, value } from "../../demos/inside/words.ts";
import { order } from "../../src/graph/print.ts";
import { applyAll } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { parseRecording, type RecordedNode, valuesOf } from "../../src/recording/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { small } from "../recordings.ts";

const example = (name: string) => {
  const file = readFileSync(new URL(`../../demos/inside/examples/${name}.recording`, import.meta.url));
  return parseRecording(gunzipSync(file).toString());
};
const mlp = example("mlp");
const cnn = example("cnn");

const lit = (nodes: readonly RecordedNode[], node: number, element: number, result = 0) => {
  const { lit: masks, stopped } = follow(nodes, node, result, element);
  const of = (at: number) => [...(masks.get(keyOf(at, 0)) ?? []).entries()].flatMap(([i, one]) => (one ? [i] : []));
  return { of, stopped };
};

describe("the rules of following", () => {
  const values = (shape: readonly number[]) =>
    Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) =>
      Math.sin(7 * i + shape.length),
    );

  /** An op of a graph on fresh inputs of the same shapes. */
  const alone = (op: string, roots: readonly t.Tensor[]): readonly t.Tensor[] => {
    const node = order(roots).find((each) => each.op.name === op)!;
    const inputs = node.inputs.map(({ shape }, i) => t.input(`x${i}`, shape));
    return applyAll(node.op, inputs, node.attrs);
  };

  const image = t.input("image", [2, 4, 5, 6]);
  const weight = t.input("weight", [6, 2, 3, 2]);
  const conv = t.conv2d(image, weight, undefined, { stride: [2, 1], padding: [1, 0], groups: 2 });
  const gradients = t.grad(t.sum(conv), [image, weight]);
  const [x, y] = [t.input("x", [3, 4]), t.input("y", [3, 2])];
  const norm = t.layerNorm(x, 4, { weight: t.input("w", [4]), bias: t.input("b", [4]) });
  const group = t.groupNorm(t.input("g", [2, 4, 3]), 2, { weight: t.input("w", [4]), bias: t.input("b", [4]) });
  const rows: readonly (readonly [op: string, roots: readonly t.Tensor[]])[] = [
    ["matmul", [t.matmul(x, t.input("z", [4, 5]))]],
    ["conv2d", [conv]],
    ["conv2dInputGrad", gradients],
    ["conv2dWeightGrad", gradients],
    ["sum", [t.sum(image, [1, 3])]],
    ["softmax", [t.softmax(x)]],
    ["concat", [t.concat([x, y, x], 1)]],
    ["pad", [t.pad(x, { low: [1, 0], high: [0, 2], interior: [0, 1] })]],
    ["cumsum", [t.cumsum(x, 0)]],
    ["cumprod", [t.cumprod(x, 1)]],
    ["layerNorm", [norm]],
    ["layerNorm", [group]],
  ];

  test.each(rows)("of %s light just what changes the number", (op, roots) => {
    const results = alone(op, roots);
    const { inputs, attrs } = results[0]!.node;
    const recorded: RecordedNode[] = inputs.map(({ shape }) => ({
      ...{ op: "input", layer: "", attrs: {}, inputs: [], from: [] },
      results: [{ shape, dtype: "f32" }],
    }));
    recorded.push({
      ...{ op, layer: "", attrs, from: [] },
      inputs: inputs.map((_, node) => ({ node, result: 0 })),
      results: results.map(({ shape }) => ({ shape, dtype: "f32" })),
    });
    const feeds = Object.fromEntries(inputs.map(({ shape }, i) => [`x${i}`, values(shape)]));
    const found = (changed: typeof feeds) => evaluate(results, { inputs: changed }).map(({ data }) => data);
    const before = found(feeds);
    const nudged = inputs.map((_, i) =>
      Array.from(feeds[`x${i}`]!, (value, at) =>
        found({ ...feeds, [`x${i}`]: feeds[`x${i}`]!.with(at, value + 0.25) }),
      ),
    );
    for (const [result, data] of before.entries()) {
      for (const element of [0, Math.floor(data.length / 2), data.length - 1]) {
        const { lit: masks, stopped } = follow(recorded, inputs.length, result, element);
        expect(stopped.size).toBe(0);
        for (const [i, all] of nudged.entries()) {
          const changes = all.map((after) => Number(after[result]![element] !== data[element]));
          const mask = masks.get(keyOf(i, 0)) ?? new Uint8Array(all.length);
          expect([...mask], `input ${i} for element ${element} of result ${result}`).toEqual(changes);
        }
      }
    }
  });
});

describe("following a number", () => {
  const node = (op: string, shape: readonly number[], from: readonly number[], attrs = {}): RecordedNode => ({
    ...{ op, layer: "", attrs, from: [], results: [{ shape, dtype: "f32" }] },
    inputs: from.map((node) => ({ node, result: 0 })),
  });

  test("stops where a file from elsewhere has attributes that do not fit, or more elements than memory", () => {
    const wrong = [node("input", [2, 3], []), node("sum", [2], [0], { axes: "rows" })];
    expect([...lit(wrong, 1, 0).stopped]).toEqual([[1, "sum"]]);
    const huge = [node("input", [1e6, 1e6], []), node("sum", [1e6], [0], { axes: [1] })];
    expect([...lit(huge, 1, 0).stopped]).toEqual([[1, "sum"]]);
  });

  test("lights a row and a column, and the same elements of what is pointwise", () => {
    const { of, stopped } = lit(small.graph!.built, 2, indexOf([1, 0], [2, 2]));
    expect(of(1)).toEqual([2, 3]); // row 1 of exp(x)
    expect(of(0)).toEqual([0, 2, 3]); // the same of x, and column 0 of x
    expect(stopped.size).toBe(0);
  });

  test("goes from a logit back to one image and one row of weights", () => {
    const nodes = mlp.graph!.built;
    const logits = nodes.findIndex(({ op, results }, i) => op === "add" && results[0]!.shape[1] === 10 && i > 8);
    const { of } = lit(nodes, logits, indexOf([3, 7], [16, 10]));
    const named = (name: string) => nodes.findIndex((node) => node.name === name);
    expect(of(named("x"))).toEqual(Array.from({ length: 784 }, (_, i) => 3 * 784 + i));
    expect(of(named("2.weight"))).toEqual(Array.from({ length: 128 }, (_, i) => 7 * 128 + i));
    expect(of(named("2.bias"))).toEqual([7]);
  });

  test("goes from a new weight through the optimizer and its gradient", () => {
    for (const { graph } of [mlp, cnn]) {
      const update = graph!.built.findIndex(({ op }) => op === "foreach");
      const { of, stopped } = lit(graph!.built, update, 5);
      const label = graph!.built.findIndex(({ name }) => name === "y");
      // Where a maximum was is not in a pooling's shapes.
      expect(new Set(stopped.values())).toEqual(new Set(graph === mlp.graph ? [] : ["maxPool2dGrad"]));
      if (graph === mlp.graph) expect(of(label)).toHaveLength(16);
    }
  });

  test("finds the window of a convolution and of a pooling", () => {
    const nodes = cnn.graph!.built;
    const conv = nodes.findIndex(({ op }) => op === "conv2d");
    const { shape } = nodes[conv]!.results[0]!;
    const image = nodes[conv]!.inputs[0]!.node;
    const { of } = lit(nodes, conv, indexOf([2, 1, 10, 20], shape));
    const places = of(image).map((i) => placeOf(i, nodes[image]!.results[0]!.shape));
    expect(places).toHaveLength(25);
    expect(places[0]).toEqual([2, 0, 10, 20]);
    expect(places.at(-1)).toEqual([2, 0, 14, 24]);
    const pool = nodes.findIndex(({ op }) => op === "maxPool2d");
    expect(lit(nodes, pool, 0).of(nodes[pool]!.inputs[0]!.node)).toEqual([0, 1, 24, 25]);
  });

  test("the numbers add up: a hidden value is the sum over what is lit", () => {
    const nodes = mlp.graph!.built;
    const relu = nodes.findIndex(({ op }) => op === "relu");
    const logits = nodes.findIndex(({ op, inputs }) => op === "matmul" && inputs[0]!.node === relu);
    const held = (node: number) => valuesOf(mlp.tensors[nodes[node]!.results[0]!.tensor!]!)!;
    const [h, w, b] = [
      held(relu),
      held(nodes.findIndex(({ name }) => name === "2.weight")),
      held(nodes.findIndex(({ name }) => name === "2.bias")),
    ];
    const sum = nodes.findIndex(({ inputs }) => inputs[0]?.node === logits);
    const { of } = lit(nodes, sum, 23);
    const [row, unit] = placeOf(23, [16, 10]) as [number, number];
    const total = of(relu).reduce((all, i) => all + h[i]! * w[128 * unit + (i - 128 * row)]!, b[unit]!);
    expect(total).toBeCloseTo(held(sum)[23]!, 4);
  });
});

describe("the graph", () => {
  test("has a role for each node, and gradients beside what they differentiate, at every stage", () => {
    for (const { graph } of [mlp, cnn]) {
      const links = linksOf(graph!);
      for (const stage of stages) {
        const { nodes, roles, forwards, gradients } = links[stage];
        expect(new Set(roles)).toEqual(
          new Set(stage === "lowered" ? ["forward", "gradient", "update"] : ["leaf", "forward", "gradient", "update"]),
        );
        const some = nodes.findIndex(({ op }) => op === "crossEntropyGrad" || op === "softmax");
        if (stage !== "lowered") {
          const [forward] = forwards[some]!;
          expect(nodes[forward!]!.op).toBe("crossEntropy");
          expect(gradients[forward!]).toContain(some);
        }
      }
    }
  });

  test("without nodes is drawn empty", () => {
    expect(draw([], () => 1, 1)).toEqual({ width: 0, height: 0, boxes: [], edges: [] });
  });

  test("is drawn with every node apart from the others, and inputs above users", () => {
    const nodes = mlp.graph!.fused;
    const { boxes, edges, width, height } = draw(nodes, () => 80, 30);
    boxes.forEach((a, i) => {
      expect(a.x - 40 >= 0 && a.x + 40 <= width && a.y - 15 >= 0 && a.y + 15 <= height).toBe(true);
      boxes.slice(i + 1).forEach((b) => expect(Math.abs(a.x - b.x) >= 80 || Math.abs(a.y - b.y) >= 30).toBe(true));
    });
    for (const { from, to } of edges) expect(boxes[from]!.y).toBeLessThan(boxes[to]!.y);
  });
});

test("WGSL is cut into pieces without loss", () => {
  for (const { wgsl } of mlp.dispatches) {
    const pieces = highlight(wgsl);
    expect(pieces.map(({ text }) => text).join("")).toBe(wgsl);
  }
  const kinds = highlight("@compute fn f(i: u32) -> vec4f { return g(1.5e3f); } // end");
  expect(kinds.filter(({ kind }) => kind).map(({ text, kind }) => `${kind} ${text}`)).toEqual([
    "attribute @compute",
    "keyword fn",
    "call f",
    "type u32",
    "type vec4f",
    "keyword return",
    "call g",
    "number 1.5e3f",
    "comment // end",
  ]);
});

test("numbers are written short", () => {
  expect([bytes(16), bytes(407_088), bytes(3 * 2 ** 20)]).toEqual(["16 B", "398 KiB", "3 MiB"]);
  expect([time(0), time(0.0655), time(12.34), time(2500)]).toEqual(["0 µs", "65.5 µs", "12.3 ms", "2.5 s"]);
  expect([value(-0.123456), value(3), value(Number.NaN), value(Number.NEGATIVE_INFINITY)]).toEqual([
    "−0.1235",
    "3",
    "NaN",
    "−∞",
  ]);
});

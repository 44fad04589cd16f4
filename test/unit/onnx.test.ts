import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  AttributeError,
  constant,
  FormatError,
  grad,
  nn,
  optim,
  sum,
  TilegradError,
  variable,
} from "../../src/index.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { opsets, registry } from "../../src/onnx/registry.ts";
import { evaluate } from "../../src/reference/index.ts";
import { sequence } from "../mutants.ts";
import { graph, info, int, message, model, node, tensor } from "../onnxFile.ts";

const onnx = resolve(import.meta.dirname, "../onnx");
const samples = readdirSync(join(onnx, "node")).map((name) => join(onnx, "node", name, "model.onnx"));

describe("a linear layer", () => {
  const weights = [tensor("w", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("b", [3], [0.5, 0, -0.5])];
  const gemm = node("Gemm", ["x", "w", "b"], ["y"]);
  const file = model({ nodes: [gemm], weights, inputs: [info("x", ["batch", 2])] });

  test("has inputs, outputs, and weights as variables by their names", () => {
    const { inputs, outputs, variables, opset, producer } = importOnnx(file, { dims: { batch: 2 } });
    expect(inputs["x"]!.shape).toEqual([2, 2]);
    expect([...variables].map(([name, { shape }]) => [name, shape])).toEqual([
      ["w", [2, 3]],
      ["b", [3]],
    ]);
    expect([opset, producer]).toEqual([17, "test"]);
    const { y } = evaluate(outputs, { inputs: { x: [1, 0, 0, 1] } });
    expect([...y!.data]).toEqual([1.5, 2, 2.5, 4.5, 5, 5.5]);
  });

  test("shares the weights of another import, for batches of another size", () => {
    const first = importOnnx(file, { dims: { batch: 2 } });
    const second = importOnnx(file, { dims: { batch: 1 }, variables: first.variables });
    expect([...second.variables.values()]).toEqual([...first.variables.values()]);
    const values = new Map(
      [...first.variables.values()].map((weight) => [weight, new Float32Array(weight.size).fill(2)]),
    );
    expect([...evaluate(second.outputs, { inputs: { x: [1, 1] }, variables: values })["y"]!.data]).toEqual([6, 6, 6]);
    const others = new Map([["w", variable(0, [3, 2], { name: "other" })]]);
    expect(() => importOnnx(file, { dims: { batch: 1 }, variables: others })).toThrow(
      'variable "w" is f32[3, 2], the file says f32[2, 3]',
    );
  });

  test("takes what fetch gives", () => {
    const { buffer } = Uint8Array.from(file);
    expect(Object.keys(importOnnx(buffer, { dims: { batch: 1 } }).outputs)).toEqual(["y"]);
  });

  test("refuses names that the file does not have, and shapes of another rank", () => {
    const given = (options: object) => () => importOnnx(file, { dims: { batch: 2 }, ...options });
    expect(given({ dims: { batch: 2, bach: 3 } })).toThrow('dims: there is no size "bach" (did you mean "batch"?)');
    expect(given({ inputs: { X: [2, 2] } })).toThrow('inputs: there is no input "X"');
    expect(given({ constants: { k: [1] } })).toThrow('constants: there is no input "k"');
    expect(given({ inputs: { x: [2, 2, 1] } })).toThrow('"x" is given as [2, 2, 1], the file says [batch, 2]');
    const fixed = model({ nodes: [gemm], weights, inputs: [info("x", [1, 2])] });
    expect(() => importOnnx(fixed, { dims: { batch: 2 } })).toThrow(
      'there is no size "batch": all sizes are fixed, such as x [1, 2]; another shape goes into inputs',
    );
  });

  test("is differentiable", () => {
    const { outputs, variables } = importOnnx(file, { dims: { batch: 2 } });
    const gradients = grad(sum(outputs["y"]!), [...variables.values()]);
    const [dw, db] = evaluate([...gradients.values()], { inputs: { x: [1, 2, 3, 4] } });
    expect([...dw!.data]).toEqual([4, 4, 4, 6, 6, 6]);
    expect([...db!.data]).toEqual([2, 2, 2]);
  });

  test("names the dimensions that have no size", () => {
    expect(() => importOnnx(file)).toThrow(AttributeError);
    expect(() => importOnnx(file)).toThrow('1 dimension without a size: "batch" of input "x" (pass it in dims)');
  });

  test("takes a tensor in place of an input", () => {
    const { inputs, outputs } = importOnnx(file, { inputs: { x: constant(Float32Array.of(1, 1), [1, 2]) } });
    expect(Object.keys(inputs)).toEqual([]);
    expect([...evaluate(outputs)["y"]!.data]).toEqual([5.5, 7, 8.5]);
  });

  test("gives inner values where they are asked for", () => {
    const relu = node("Relu", ["y"], ["z"]);
    const two = model({ nodes: [gemm, relu], weights, inputs: [info("x", [1, 2])], outputs: ["z"] });
    expect(Object.keys(importOnnx(two, { outputs: ["y"] }).outputs)).toEqual(["y"]);
    expect(() => importOnnx(two, { outputs: ["q"] })).toThrow('there is no value "q"');
  });
});

test("optimizers leave running statistics alone, whatever is unfrozen", () => {
  const weights = ["scale", "bias", "mean", "variance"].map((name) => tensor(name, [2], [1, 2]));
  const nodes = [node("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], ["y"])];
  const { outputs, variables } = importOnnx(model({ nodes, weights, inputs: [info("x", [3, 2])] }));
  nn.freeze(variables);
  nn.unfreeze(variables);
  const trained = optim.parametersOf(sum(outputs["y"]!));
  expect(trained.map(({ name }) => name).sort()).toEqual(["bias", "scale"]);
});

test("computes what depends on shapes alone while importing", () => {
  const nodes = [
    node("Shape", ["x"], ["shape"]),
    node("Gather", ["shape", "zero"], ["n"]),
    node("Mul", ["n", "two"], ["m"]),
    node("Unsqueeze", ["m", "axes"], ["first"]),
    node("Concat", ["first", "rest"], ["wanted"], [int("axis", 0)]),
    node("Reshape", ["x", "wanted"], ["y"]),
  ];
  const weights = [
    tensor("zero", [], [0], true),
    tensor("two", [], [2], true),
    tensor("axes", [1], [0], true),
    tensor("rest", [1], [-1], true),
  ];
  const file = model({ nodes, weights, inputs: [info("x", ["n", 4])], outputs: ["y", "m"] });
  const { outputs, known, variables } = importOnnx(file, { dims: { n: 3 } });
  expect(outputs["y"]!.shape).toEqual([6, 2]);
  expect([...known["m"]!.data]).toEqual([6]);
  expect(variables.size).toBe(0);
});

test("refuses integers that do not fit 32 bits", () => {
  const add = node("Add", ["x", "big"], ["y"]);
  const file = (value: number) =>
    model({ nodes: [add], weights: [tensor("big", [1], [value], true)], inputs: [info("x", [1], 7)] });
  expect(() => importOnnx(file(2 ** 40))).toThrow('"big" (int64) holds 1099511627776, which does not fit i32');
  expect(importOnnx(file(2 ** 31 - 1)).outputs["y"]!.dtype).toBe("i32");
});

test("names all unsupported ops at once", () => {
  const nodes = [
    node("Relu", ["x"], ["a"]),
    node("Fancy", ["a"], ["b"]),
    node("Fancy", ["b"], ["c"]),
    node("StringNormalizer", ["c"], ["y"]),
  ];
  const file = model({ nodes, inputs: [info("x", [1])] });
  expect(() => importOnnx(file)).toThrow(
    'importOnnx: 2 ops of this file (opset 17) not supported: Fancy × 2 (first at "fancy_b"), StringNormalizer × 1 (first at "stringnormalizer_y")',
  );
  expect(() => importOnnx(model({ nodes: [node("Gelu", ["x"], ["y"])], inputs: [info("x", [1])] }))).toThrow(
    "Gelu × 1",
  );
});

test("says which input must be known", () => {
  const nodes = [node("Reshape", ["x", "shape"], ["y"])];
  const file = model({ nodes, inputs: [info("x", [4]), info("shape", [2], 7)] });
  expect(() => importOnnx(file)).toThrow(/Reshape "reshape_y": input 1, "shape", decides a shape .* in `constants`/);
  expect(importOnnx(file, { constants: { shape: [2, 2] } }).outputs["y"]!.shape).toEqual([2, 2]);
});

describe("weights in other files", () => {
  const file = (...entries: readonly (readonly [string, string])[]) =>
    model({
      nodes: [node("Neg", ["w"], ["y"])],
      weights: [
        [
          [1, 2],
          [2, 1],
          [8, "w"],
          [14, 1],
          ...entries.map(
            ([key, value]) =>
              [
                13,
                [
                  [1, key],
                  [2, value],
                ],
              ] as const,
          ),
        ],
      ],
    });
  const bytes = new Uint8Array(Float32Array.of(9, 1, 2).buffer);

  test("are read where the file says", () => {
    const { outputs } = importOnnx(file(["location", "w.bin"], ["offset", "4"], ["length", "8"]), {
      files: { "w.bin": bytes },
    });
    expect([...evaluate(outputs)["y"]!.data]).toEqual([-1, -2]);
  });

  test.each([
    [[["location", "../w.bin"]], "not a path inside"],
    [[["location", "a/../../w.bin"]], "not a path inside"],
    [[["location", "/etc/passwd"]], "not a path inside"],
    [[["location", "C:\\w.bin"]], "not a path inside"],
    [[["location", "v.bin"]], 'there is no file "v.bin"'],
    [[["location", "constructor"]], 'there is no file "constructor"'],
    [
      [
        ["location", "w.bin"],
        ["offset", "8"],
        ["length", "8"],
      ],
      "has 12",
    ],
    [
      [
        ["location", "w.bin"],
        ["offset", "-4"],
      ],
      "has 12",
    ],
    [[["location", "w.bin"]], "needs 2 elements of float32, but the file has 3"],
  ] as const)("are refused at %j", (entries, expected) => {
    expect(() => importOnnx(file(...entries), { files: { "w.bin": bytes } })).toThrow(FormatError);
    expect(() => importOnnx(file(...entries), { files: { "w.bin": bytes } })).toThrow(expected);
  });
});

describe("refuses", () => {
  const refused = (bytes: Uint8Array, expected: string | RegExp) => {
    expect(() => importOnnx(bytes)).toThrow(FormatError);
    expect(() => importOnnx(bytes)).toThrow(expected);
  };

  test("what is not ONNX", () => {
    refused(new Uint8Array(0), "has no graph");
    refused(new TextEncoder().encode("<!DOCTYPE html><html></html>"), "importOnnx: the file");
    refused(
      Uint8Array.from({ length: 64 }, (_, i) => 255 - i),
      "importOnnx: the file",
    );
    expect(() => importOnnx("model.onnx" as never)).toThrow("expected the file's bytes");
    refused(new TextEncoder().encode("<!DOCTYPE html><html></html>"), "a page of HTML or XML: is the address right?");
    refused(
      Uint8Array.from("PK\x03\x04 and so on", (letter) => letter.charCodeAt(0)),
      "a zip archive",
    );
  });

  test("every beginning of a file", () => {
    const file = readFileSync(samples[0]!);
    for (let length = 0; length < file.length; length++) {
      try {
        importOnnx(file.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });

  test("sizes that lie", () => {
    const lie = model({ nodes: [node("Neg", ["w"], ["y"])], weights: [tensor("w", [2 ** 40, 2 ** 20], [1])] });
    refused(lie, /w.* has shape/);
    const less = model({ nodes: [node("Neg", ["w"], ["y"])], weights: [tensor("w", [10 ** 9], [1])] });
    refused(less, "needs 1000000000 elements of float32, but the file has 1");
  });

  test("numbers that would make much out of little", () => {
    const huge = [tensor("n", [1], [10 ** 9], true), tensor("one", [], [1], true), tensor("end", [], [10 ** 12], true)];
    const shape = node("ConstantOfShape", ["n"], ["s"]);
    refused(model({ nodes: [shape, node("Reshape", ["s", "s"], ["y"])], weights: huge }), "too large to be known");
    refused(model({ nodes: [node("Range", ["one", "end", "one"], ["y"])], weights: huge }), "too long");
    const doubled = Array.from({ length: 60 }, (_, i) =>
      node("Concat", [i === 0 ? "n" : `c${i}`, i === 0 ? "n" : `c${i}`], [`c${i + 1}`], [int("axis", 0)]),
    );
    try {
      importOnnx(model({ nodes: doubled, weights: huge, outputs: ["c60"] }));
    } catch (error) {
      expect(error).toBeInstanceOf(TilegradError);
    }
  });

  test("a cycle", () => {
    const nodes = [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"])];
    refused(model({ nodes, outputs: ["b"] }), /reads "b", which no node before it makes/);
  });

  test("graphs that are too deep", () => {
    let inner = graph({ nodes: [node("Relu", ["x"], ["y"])] });
    for (let depth = 0; depth < 40; depth++) {
      const attribute = [
        5,
        [
          [1, "then_branch"],
          [6, message(inner)],
        ],
      ] as const;
      inner = graph({ nodes: [node("If", ["c"], ["y"], [attribute])] });
    }
    refused(message([[7, message(inner)]]), "more than 16 deep");
  });
});

test("a chain of many nodes does not end the stack", () => {
  const nodes = Array.from({ length: 4000 }, (_, i) => node("Neg", [i === 0 ? "x" : `v${i}`], [`v${i + 1}`]));
  const { outputs } = importOnnx(model({ nodes, inputs: [info("x", [1])], outputs: ["v4000"] }));
  expect([...evaluate(outputs, { inputs: { x: [3] } })["v4000"]!.data]).toEqual([3]);
});

test("damaged files import, or give a tilegrad error", () => {
  const draw = sequence(11);
  const counts = { imported: 0, refused: 0 };
  for (let i = 0; i < 3000; i++) {
    const file = Uint8Array.from(readFileSync(samples[i % samples.length]!));
    for (let k = 0; k <= i % 3; k++) file[draw(file.length)] = draw(256);
    try {
      importOnnx(file);
      counts.imported++;
    } catch (error) {
      if (!(error instanceof TilegradError)) throw new Error(`${samples[i % samples.length]}, ${i}`, { cause: error });
      counts.refused++;
    }
  }
  // Most bytes of these files are names, which may be others.
  expect(counts.imported).toBeGreaterThan(100);
  expect(counts.refused).toBeGreaterThan(500);
});

test("the guide lists every op with its versions and limits", async () => {
  const rows = [...registry].sort((a, b) => (a.op < b.op ? -1 : 1));
  expect(rows.filter(({ op }, i) => op === rows[i + 1]?.op)).toEqual([]);
  const table = rows.map(({ op, since, limits }) => `| ${op} | ${since.join(", ")} | ${limits ?? ""} |`);
  const text = `# Ops of ONNX models

The ${rows.length} ops that [importOnnx](onnx.md) reads, in operator sets ${opsets[0]} to ${opsets[1]}. "Since" lists
the versions that changed an op. A value is *known* if it depends on shapes, constants and weights alone; weights then
have their first values.

| Op | Since | Limits |
| --- | --- | --- |
${table.join("\n")}
`;
  await expect(text).toMatchFileSnapshot("../../demos/guides/onnx-ops.md");
});

test("a known condition chooses a graph, whose weights have names of their own", () => {
  const branch = (name: string, value: number) =>
    [
      5,
      [
        [1, name],
        [6, message(graph({ nodes: [node("Add", ["x", "w"], ["y"])], weights: [tensor("w", [1], [value])] }))],
      ],
    ] as const;
  const chosen = node("If", ["c"], ["y"], [branch("then_branch", 1), branch("else_branch", 2)]);
  const file = model({ nodes: [chosen], inputs: [info("x", [1]), info("c", [], 9)] });
  const one = importOnnx(file, { constants: { c: [0] } });
  expect([...evaluate(one.outputs, { inputs: { x: [5] } })["y"]!.data]).toEqual([7]);
  const both = importOnnx(file);
  expect([...both.variables.keys()]).toEqual(["w", "w.2"]);
  expect([...evaluate(both.outputs, { inputs: { x: [5], c: [1] } })["y"]!.data]).toEqual([6]);
});

test("a weight may decide a shape", () => {
  const nodes = [node("Cast", ["scale"], ["whole"], [int("to", 7)]), node("Expand", ["x", "whole"], ["y"])];
  const file = model({ nodes, weights: [tensor("scale", [2], [3, 2])], inputs: [info("x", [1, 1])] });
  expect(importOnnx(file).outputs["y"]!.shape).toEqual([3, 2]);
});

describe("einsum", () => {
  const x = Float32Array.from({ length: 12 }, (_, i) => i - 4);
  test.each([
    [
      "ij,jk->ik",
      [
        [2, 3],
        [3, 4],
      ],
      [2, 4],
    ],
    [
      "bij,bjk->bik",
      [
        [2, 2, 3],
        [2, 3, 1],
      ],
      [2, 2, 1],
    ],
    [
      "...ij,...jk->...ik",
      [
        [2, 2, 1],
        [1, 1, 3],
      ],
      [2, 2, 3],
    ],
    ["i,j->ij", [[2], [3]], [2, 3]],
    [
      "ij,ij->",
      [
        [2, 3],
        [2, 3],
      ],
      [],
    ],
    [
      "ij,jk,kl->il",
      [
        [1, 2],
        [2, 2],
        [2, 3],
      ],
      [1, 3],
    ],
    ["ii->i", [[3, 3]], [3]],
    ["ij->ji", [[2, 3]], [3, 2]],
    ["ba", [[2, 3]], [3, 2]],
    ["ijk->j", [[2, 3, 2]], [3]],
  ])("%s", (equation, shapes, expected) => {
    const names = shapes.map((_, i) => `x${i}`);
    const attribute = [
      5,
      [
        [1, "equation"],
        [4, equation],
      ],
    ] as const;
    const file = model({
      nodes: [node("Einsum", names, ["y"], [attribute])],
      inputs: shapes.map((shape, i) => info(names[i]!, shape)),
    });
    const data = shapes.map((shape) =>
      x.slice(
        0,
        shape.reduce((product, n) => product * n, 1),
      ),
    );
    const feeds = Object.fromEntries(names.map((name, i) => [name, data[i]!]));
    const { y } = evaluate(importOnnx(file).outputs, { inputs: feeds });
    expect(y!.shape).toEqual(expected);
    expect([...y!.data]).toEqual(summed(equation, shapes, data));
  });
});

/** Einsum by its definition: a loop over all labels. */
function summed(equation: string, shapes: readonly (readonly number[])[], data: readonly Float32Array[]): number[] {
  const numbered = (term: string, rank: number) =>
    term.replace("...", "0".repeat(rank - term.replace("...", "").length));
  const terms = equation
    .split("->")[0]!
    .split(",")
    .map((term, i) => numbered(term, shapes[i]!.length));
  const labels = [...new Set(terms.join(""))];
  const sizes = labels.map((label) =>
    Math.max(...terms.flatMap((term, i) => [...term].flatMap((own, k) => (own === label ? [shapes[i]![k]!] : [])))),
  );
  const wanted = [...(equation.split("->")[1]?.replace("...", "0") ?? labels.sort().join(""))];
  const size = (label: string) => sizes[[...new Set(terms.join(""))].indexOf(label)]!;
  const result = new Array<number>(wanted.reduce((product, label) => product * size(label), 1)).fill(0);
  const order = [...new Set(terms.join(""))];
  const visit = (at: Record<string, number>, left: readonly string[]): void => {
    const [label, ...others] = left;
    if (label !== undefined) {
      for (let i = 0; i < size(label); i++) visit({ ...at, [label]: i }, others);
      return;
    }
    const place = (term: readonly string[], shape: readonly number[]) =>
      term.reduce((position, own, k) => position * shape[k]! + Math.min(at[own]!, shape[k]! - 1), 0);
    const product = terms.reduce((value, term, i) => value * data[i]![place([...term], shapes[i]!)]!, 1);
    result[place(wanted, wanted.map(size))]! += product;
  };
  visit({}, order);
  return result;
}

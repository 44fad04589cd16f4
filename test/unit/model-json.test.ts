import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError, nn, type Tensor } from "../../src/index.ts";
import { custom, fromJSON, toJSON } from "../../src/model/index.ts";
import { layersOfNn } from "../../src/model/layers.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { blocks, type Example, examples, others } from "../models.ts";
import { mutant, sequence } from "../mutants.ts";

type Layer = Pick<nn.Module, "variables">;

/** What a layer computes of numbers that depend on the position only, in float64. */
function results(layer: Layer, x: Tensor, mode: nn.Mode): number[][] {
  const found = (layer as unknown as (x: Tensor, mode?: nn.Mode) => object)(
    x,
    /Cell/.test(kind(layer)) ? undefined : mode,
  );
  const outputs = "shape" in found ? { y: found as Tensor } : ({ ...found } as Record<string, Tensor>);
  const data =
    x.dtype === "i32"
      ? Int32Array.from({ length: x.size }, (_, i) => i % 4)
      : Float32Array.from({ length: x.size }, (_, i) => Math.sin(i + 1));
  const values = new ReferenceProgram({ outputs }).run({ x: data });
  return Object.keys(outputs).map((name) => [...values[name]!.data]);
}

const kind = (layer: Layer): string => (toJSON(layer).model as { layer: string }).layer;

const specs = ({ variables }: Layer) =>
  [...variables].map(([key, { name, shape, dtype, group }]) => ({ key, name, shape, dtype, group }));

const all = Object.entries(examples).flatMap(([name, list]) =>
  list.map((example, i): [string, Example] => [`${name} ${i}`, example]),
);

test("every layer of nn has an example, and its function", () => {
  const layers = Object.keys(nn).filter((name) => !others.includes(name));
  expect(Object.keys(examples).sort()).toEqual(layers.sort());
  expect(
    Object.keys(layersOfNn)
      .filter((name) => !name.includes("."))
      .sort(),
  ).toEqual(layers.sort());
  for (const [name, list] of Object.entries(examples))
    expect(
      list.some(({ make }) => JSON.stringify(toJSON(make())).includes(`"layer":"${name}`)),
      name,
    ).toBe(true);
});

describe("a layer made from its description has the same variables and computes the same", () => {
  test.each(all)("%s", (_, { make, x }) => {
    nn.seed(7);
    const layer = make();
    const text = JSON.stringify(toJSON(layer));
    nn.seed(7);
    const copy = fromJSON<Layer>(text, { custom: blocks });
    expect(specs(copy)).toEqual(specs(layer));
    expect(JSON.stringify(toJSON(copy))).toBe(text);
    // A layer used twice is one layer in the copy, too.
    expect(new Set(copy.variables.values()).size).toBe(new Set(layer.variables.values()).size);
    for (const training of [false, true]) {
      nn.seed(7);
      const wanted = results(make(), x, { training });
      nn.seed(7);
      expect(results(fromJSON<Layer>(text, { custom: blocks }), x, { training })).toEqual(wanted);
    }
  });
});

test("a model of parts is described, and made again with the same names", () => {
  const encoder = nn.sequential(nn.linear(4, 3), nn.relu());
  const model = { encoder, heads: [nn.linear(3, 2), { tied: encoder, last: nn.linear(3, 1) }] };
  const text = JSON.stringify(toJSON(model));
  const copy = fromJSON<typeof model>(text);
  expect([...nn.stateDict(copy).keys()]).toEqual([...nn.stateDict(model).keys()]);
  expect([...nn.stateDict(copy).values()].map(({ name }) => name)).toEqual(
    [...nn.stateDict(model).values()].map(({ name }) => name),
  );
  expect((copy.heads[1] as { tied: unknown }).tied).toBe(copy.encoder);
  expect(JSON.stringify(toJSON(copy))).toBe(text);
  expect(() => toJSON({ encoder, size: 3 } as never)).toThrow(
    "toJSON: the argument is an object, expected a module, or an object of modules",
  );
  expect(() => fromJSON({ format: "tilegrad model 1", model: { layer: "parts", args: [{ size: 3 }] } })).toThrow(
    FormatError,
  );
});

describe("any nesting of layers is described, too", () => {
  /** A model of any depth, from examples that take and give anything, named or by position, some used twice. */
  const leaf = fc.nat(1000).map((n) => {
    const [, { make }] = all[n % all.length]!;
    return () => make() as nn.Module;
  });
  const { tree } = fc.letrec<{ tree: () => nn.Module }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(tie("tree"), { maxLength: 3 }).map((parts) => () => nn.sequential(...parts.map(stackable))),
      fc
        .dictionary(fc.string({ minLength: 1, maxLength: 4 }), tie("tree"), { maxKeys: 3 })
        .map(
          (parts) => () =>
            nn.sequential(Object.fromEntries(Object.entries(parts).map(([k, make]) => [k, stackable(make)]))),
        ),
      tie("tree").map((make) => () => {
        const shared = stackable(make);
        return nn.sequential(shared, nn.relu(), shared);
      }),
    ),
  }));
  /** What a sequential takes: of a recurrent layer its output, in place of a cell another layer. */
  const stackable = (make: () => nn.Module): nn.Module => {
    const made = make() as nn.Module & { output?: nn.Module };
    return made.output ?? made;
  };

  test("with the same variables, and the same text again", () => {
    fc.assert(
      fc.property(tree, (make) => {
        const model = stackable(make);
        const text = JSON.stringify(toJSON(model));
        const copy = fromJSON<Layer>(text, { custom: blocks });
        expect(specs(copy)).toEqual(specs(model));
        expect(JSON.stringify(toJSON(copy))).toBe(text);
        expect(new Set(copy.variables.values()).size).toBe(new Set(model.variables.values()).size);
      }),
      { numRuns: 200, seed: 4 },
    );
  });
});

test("a description states every option, so that later defaults cannot change it", () => {
  const model = nn.sequential({ conv: nn.conv2d(1, 8, 3, { padding: 1 }), act: nn.leakyRelu(), out: nn.flatten() });
  expect(toJSON(model)).toEqual({
    format: "tilegrad model 1",
    model: {
      layer: "sequential",
      args: [
        {
          conv: { layer: "conv2d", args: [1, 8, 3, { bias: true, padding: 1, groups: 1 }] },
          act: { layer: "leakyRelu", args: [0.01] },
          out: { layer: "flatten", args: [1] },
        },
      ],
    },
  });
});

describe("toJSON refuses", () => {
  const own = nn.module((x) => x, {});

  test.each<[string, () => Layer, string]>([
    ["a module of one's own", () => own, "toJSON: the model is an nn.module or nn.stateless, whose function"],
    ["one inside", () => nn.sequential({ a: nn.sequential(nn.relu(), own) }), 'toJSON: layer "a.1" is an nn.module'],
    ["a stateless one", () => nn.sequential(nn.stateless((x) => x)), 'layer "0" is an nn.module or nn.stateless'],
    [
      "a function",
      () => custom({ f: (_: unknown) => nn.relu() }).f(() => 1),
      "argument 0 of the model (f) is a function",
    ],
    ["NaN", () => custom({ f: (_: number) => nn.relu() }).f(Number.NaN), "argument 0 of the model (f) is NaN"],
    [
      "a member that would be taken for a layer",
      () => custom({ f: (_: object) => nn.relu() }).f({ deep: [{ layer: 1 }] }),
      'toJSON: "0" in "deep" in argument 0 of the model (f) is an object',
    ],
    ["something else", () => 5 as never, "toJSON: the argument is 5, expected a module"],
    [
      "endless nesting",
      () => Array.from({ length: 100 }).reduce<nn.Module>((inner) => nn.sequential(inner), nn.relu()),
      "is nested deeper than 64 layers",
    ],
  ])("%s", (_, make, message) => {
    expect(() => toJSON(make())).toThrow(message);
  });

  test("names that nn has, and functions that make no module", () => {
    expect(() => custom({ linear: nn.linear })).toThrow('custom: nn has a layer "linear": take another name');
    expect(() => custom({ f: () => 5 as never }).f()).toThrow('custom: "f" returned 5, expected a module');
  });
});

describe("fromJSON refuses", () => {
  const format = "tilegrad model 1";
  const of = (model: unknown) => ({ format, model });
  const layer = (layer: unknown, ...args: unknown[]) => ({ layer, args });

  test.each<[string, unknown, string]>([
    ["text that is no JSON", "{", 'fromJSON: the text begins with "{", expected JSON of toJSON'],
    ["a list", [], "fromJSON: got [], expected what toJSON returned"],
    ["another format", { format: "tilegrad model 2" }, 'format is "tilegrad model 2", expected "tilegrad model 1"'],
    ["surplus fields", { ...of(layer("relu")), weights: 1 }, '"weights" is not a field of this format'],
    ["no layer", of(5), "model is 5, expected a layer: { layer, args }"],
    [
      "an unknown layer",
      of(layer("sequential", layer("conv9"))),
      'model.args[0].layer is "conv9", which is no layer of nn',
    ],
    ["an inherited name", of(layer("constructor")), 'model.layer is "constructor", which is no layer of nn'],
    ["arguments that are no list", of({ layer: "relu", args: {} }), "model.args is an object, expected a list"],
    ["a wrong type", of(layer("linear", "2", 3)), 'model (linear): nn.linear: inputs is "2", expected a whole number'],
    ["an unknown option", of(layer("linear", 2, 3, { bais: true })), 'there is no option "bais"'],
    ["an option of another type", of(layer("linear", 2, 3, { bias: 1 })), "nn.linear: bias is 1, expected a boolean"],
    ["initial values", of(layer("linear", 2, 3, { weightInit: 1 })), "nn.linear: weightInit is 1, expected a function"],
    ["a missing layer", of({ same: "0" }), 'model.same is "0", expected the path of an earlier layer'],
    ["an absurd linear layer", of(layer("linear", 2 ** 20, 2 ** 20)), "bytes, at most 4294967296 are allowed"],
    ["an absurd table", of(layer("embedding", 2 ** 30, 4, { paddingIdx: 0 })), "bytes, at most 4294967296 are allowed"],
    ["many layers", of(layer("lstm", 1, 1, { layers: 1e9 })), "has 1000000000 layers, expected at most 1000"],
    ["numbers beyond all bounds", of(layer("conv2d", 1e300, 1e300, 1e300)), "at most 4294967296"],
  ])("%s", (_, json, message) => {
    expect(() => fromJSON(json)).toThrow(FormatError);
    expect(() => fromJSON(json)).toThrow(message);
  });

  test("deep nesting, and a list of a million numbers", () => {
    const deep = Array.from({ length: 10_000 }).reduce<unknown>((inner) => layer("sequential", inner), layer("relu"));
    expect(() => fromJSON(of(deep))).toThrow("is nested deeper than 64 levels");
    expect(() =>
      fromJSON(
        of(
          layer(
            "linear",
            2,
            Array.from({ length: 1e6 }, () => 0),
          ),
        ),
      ),
    ).toThrow(FormatError);
  });

  test("what a function of the user's refuses, naming the place", () => {
    const strict = custom({
      strict: (size: number) => {
        if (size !== 4) throw new RangeError("only 4");
        return nn.linear(size, size);
      },
    });
    const json = JSON.stringify(toJSON(nn.sequential(strict.strict(4)))).replace("4", "5");
    expect(() => fromJSON(json, { custom: strict })).toThrow("fromJSON: model.args[0] (strict): only 4");
    expect(() => fromJSON(json)).toThrow("if it is yours, pass its function in { custom: { … } }");
  });

  test("damage, with a short message, or makes a model of the described size", () => {
    const texts = all.map(([, { make }]) => toJSON(make()));
    const draw = sequence(11);
    let refused = 0;
    for (let i = 0; i < 6000; i++) {
      const { value, at } = mutant(texts[i % texts.length]!, draw);
      try {
        const model = fromJSON(value, { custom: blocks, maxBytes: 2 ** 20 });
        const bytes = [...new Set(model.variables.values())].reduce((sum, { size }) => sum + 4 * size, 0);
        expect(bytes, at).toBeLessThanOrEqual(2 ** 20);
      } catch (error) {
        expect(error, at).toBeInstanceOf(FormatError);
        expect((error as Error).message.length, at).toBeLessThan(500);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(3000);
  });
});

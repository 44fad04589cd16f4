import { describe, expect, test } from "vitest";
import { anatomy, type Inside, sizeOf, valuesOf } from "../../demos/digits/anatomy.ts";
import { extended, nextExam, nothing } from "../../demos/digits/course.ts";
import { imageAt, inputOf, joined, unpack } from "../../demos/digits/images.ts";
import { aboutOf } from "../../demos/digits/keeping.ts";
import { createNetwork } from "../../demos/digits/networks.ts";
import { bytesOf, pixels } from "../../demos/digits/packs.ts";
import { batchSize, fields, imageCounts, settingFields } from "../../demos/digits/settings.ts";
import { explain, type Place } from "../../demos/digits/sums.ts";
import { parseHash, printHash } from "../../demos/parts/hash.ts";
import { input, type Variable } from "../../src/index.ts";
import { serializeSafetensors } from "../../src/io/safetensors.ts";
import { evaluate } from "../../src/reference/index.ts";

const initial = parseHash(fields, "");

describe("an address of the digits", () => {
  test("holds what differs from the initial settings, and gives it back", () => {
    expect(printHash(fields, initial)).toBe("");
    const changed = { ...initial, model: "both", images: 100, dropout: 0, seed: 12, test: 0 } as const;
    expect(printHash(fields, changed)).toBe("model=both&images=100&dropout=0&seed=12&test=0");
    expect(parseHash(fields, `#${printHash(fields, changed)}`)).toEqual(changed);
  });

  test.each(["model=rnn", "images=50", "dropout=99", "rate=1", "seed=0", "test=10001"])("ignores %s", (hash) =>
    expect(parseHash(fields, hash)).toEqual(initial),
  );

  test("knows only numbers of images that fill batches", () => {
    expect(imageCounts.filter((count) => count % batchSize !== 0)).toEqual([]);
  });
});

test("packs of images hold labels before pixels, and join in order", () => {
  const pack = (first: number) => {
    const sizes = { train: 2, test: 1 };
    const bytes = new Uint8Array(bytesOf({ name: "", sha256: "", ...sizes }));
    bytes.set([first, first + 1, first + 2]);
    for (let i = 0; i < 3; i++) bytes.fill(10 * first + i, 3 + i * pixels, 3 + (i + 1) * pixels);
    return unpack(sizes, bytes);
  };
  const one = pack(1);
  expect([[...one.train.labels], [...one.test.labels]]).toEqual([[1, 2], [3]]);
  expect(imageAt(one.test, 0)).toEqual(new Uint8Array(pixels).fill(12));
  const both = joined([one, pack(5)]);
  expect([[...both.train.labels], [...both.test.labels]]).toEqual([
    [1, 2, 5, 6],
    [3, 7],
  ]);
  expect(imageAt(both.train, 2)).toEqual(new Uint8Array(pixels).fill(50));
  expect(imageAt(both.test, 1)).toEqual(new Uint8Array(pixels).fill(52));
});

test("examinations come soon at first, then seldom, and depend on the step alone", () => {
  const steps: number[] = [];
  for (let step = 0; step < 12_000; step = nextExam(step)) steps.push(nextExam(step));
  expect(steps.slice(0, 8)).toEqual([1, 2, 3, 5, 8, 12, 18, 27]);
  expect(steps.every((step, i) => i === 0 || step > steps[i - 1]!)).toBe(true);
  expect(steps.length).toBeLessThan(70);
  for (let step = 0; step < 1000; step++) expect(nextExam(step)).toBe(steps.find((other) => other > step));
});

test("a course grows by the scores of each network", () => {
  const scores = (loss: number) => ({ training: { loss, accuracy: 0 }, test: { loss, accuracy: 1 } });
  const course = extended(extended(nothing, 1, { cnn: scores(3) }), 2, { cnn: scores(2) });
  expect(course).toEqual({ steps: [1, 2], scores: { cnn: [scores(3), scores(2)] } });
});

describe.each(["cnn", "mlp"] as const)("the sums of the %s", (name) => {
  const network = createNetwork(name, 0.5, 3);
  const image = Uint8Array.from({ length: pixels }, (_, i) => Math.max(0, Math.round(255 * Math.sin(i / 9 + i * i))));
  const x = inputOf({ pixels: image }, [0]);
  const results = network.results(input("x", [1, 1, 28, 28]), { training: false });
  const variables = [...network.variables.values()] as Variable<"f32">[];
  const flat = (values: readonly { readonly data: ArrayLike<number> }[]) =>
    Float32Array.from(values.flatMap(({ data }) => Array.from(data)));
  const inside: Inside = {
    network: name,
    values: flat(evaluate(results, { inputs: { x } })),
    weights: flat(evaluate(variables)),
  };

  const places = anatomy[name].flatMap(({ shape: [maps, height, width] }, layer): Place[] =>
    layer === 0
      ? []
      : [
          { layer, map: 0, y: 0, x: 0 },
          { layer, map: maps - 1, y: height - 1, x: width - 1 },
          { layer, map: maps >> 1, y: height >> 1, x: width >> 1 },
        ],
  );

  test.each(places)("add up to what the network computes, at %j", (place) => {
    const { kind, parts, bias, total, computed, activated, from } = explain(inside, x, place);
    expect(total).toBeCloseTo(computed, 5);
    const sums = parts.map(({ patch, weights }) => patch.reduce((sum, value, i) => sum + value * weights[i]!, 0));
    if (kind === "pool") expect(total).toBe(Math.max(...parts[0]!.patch));
    else expect(sums.reduce((a, b) => a + b) + bias).toBeCloseTo(total, 10);
    if (activated !== undefined) expect(activated).toBeCloseTo(Math.max(0, total), 5);
    const own = anatomy[name][place.layer]!;
    expect(activated === undefined).toBe(kind === "pool" || own.name === "Votes");
    const [, height, width] = anatomy[name][from.layer]!.shape;
    expect(from.top + from.height).toBeGreaterThan(0);
    expect(from.top).toBeLessThan(height);
    expect(from.left).toBeLessThan(width);
  });

  test("come from the layers' own results", () => {
    anatomy[name].forEach((layer, i) => {
      expect(valuesOf(inside, x, i)).toHaveLength(sizeOf(layer));
    });
    const votes = valuesOf(inside, x, anatomy[name].length - 1);
    expect(votes).toEqual(inside.values.slice(-10));
  });
});

describe("a file of a training", () => {
  const score = { loss: 1, accuracy: 0.5 };
  const about = {
    settings: parseHash(settingFields, "model=mlp&images=500"),
    step: 3,
    course: { steps: [1, 2], scores: { mlp: [1, 2].map(() => ({ training: score, test: score })) } },
  };
  const file = (metadata: unknown) =>
    serializeSafetensors([["x", { dtype: "F32", shape: [1], data: new Float32Array(1) }]], {
      "tilegrad.digits": JSON.stringify(metadata),
    });

  test("says what it is of", () => {
    expect(aboutOf(file(about), "a file")).toEqual(about);
  });

  test.each([
    null,
    { ...about, step: 1 },
    { ...about, step: "3" },
    { ...about, settings: { ...about.settings, model: "rnn" } },
    { ...about, settings: { ...about.settings, images: 70 } },
    { ...about, course: { steps: [2, 1], scores: about.course.scores } },
    { ...about, course: { steps: [1], scores: about.course.scores } },
    { ...about, course: { steps: [1, 2], scores: {} } },
  ])("is refused if it says %j", (metadata) =>
    expect(() => aboutOf(file(metadata), "a file")).toThrow(/^a file: is not a training that this page has saved$/),
  );
});

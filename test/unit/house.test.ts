import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type DigitsRun,
  type OnnxRun,
  type PlaygroundRun,
  pack,
  type TextRun,
  unpack,
} from "../../demos/house/runs.ts";

const demos = join(import.meta.dirname, "../../demos");
const runs = join(demos, "house/runs");
const read = <T>(name: string): T => JSON.parse(readFileSync(join(runs, `${name}.json`), "utf8"));

test("packed values come back to a thirty-fifth of their range", () => {
  const values = [-1, -0.5, 0, 0.123, 1, 7];
  const packed = pack(values, -1, 1);
  expect(packed.length).toBe(values.length);
  values.forEach((value, i) => {
    expect(Math.abs(2 * unpack(packed, i) - 1 - Math.min(1, value))).toBeLessThanOrEqual(1 / 35);
  });
});

describe("recorded runs", () => {
  test("are there for every card, and are small", () => {
    const html = readFileSync(join(demos, "index.html"), "utf8");
    const wanted = [...html.matchAll(/data-run="(\w+)"/g)].map(([, name]) => name!);
    const files = readdirSync(runs);
    expect(files).toEqual(expect.arrayContaining(wanted.map((name) => `${name}.json`)));
    for (const file of files) expect(statSync(join(runs, file)).size, file).toBeLessThan(10 * 1024);
  });

  test("are of trainings that learned", () => {
    const playground = read<PlaygroundRun>("playground");
    expect(playground.frames.every(({ plane }) => plane.length === playground.side ** 2)).toBe(true);
    expect(playground.frames.at(-1)!.loss).toBeLessThan(0.2 * playground.frames[0]!.loss);
    const digits = read<DigitsRun>("digits");
    expect(digits.image.length).toBe(784);
    expect(digits.frames.at(-1)!.accuracy).toBeGreaterThan(0.85);
    const bits = read<TextRun>("text").frames.map(({ bits }) => bits);
    expect(bits).toEqual(bits.toSorted((a, b) => b - a));
    for (const { image, votes } of read<OnnxRun>("onnx").images) {
      expect(image.length).toBe(784);
      expect(Math.max(...Array.from({ length: 10 }, (_, digit) => unpack(votes, digit)))).toBeGreaterThan(0.5);
    }
  });
});

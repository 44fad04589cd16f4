import { describe, expect, test } from "vitest";
import { parseHash, printHash } from "../../demos/parts/hash.ts";
import { firstValues, sizesOf } from "../../demos/playground/network.ts";
import { count, problems, reach, samples, taskOf } from "../../demos/playground/problems.ts";
import { fields, lossOf } from "../../demos/playground/settings.ts";

const initial = parseHash(fields, "");

describe("an address of the playground", () => {
  test("holds what differs from the initial settings, and gives it back", () => {
    expect(printHash(fields, initial)).toBe("");
    const changed = { ...initial, problem: "spiral", layers: [8, 1], rate: 0.1, noise: 35 } as const;
    const hash = printHash(fields, changed);
    expect(hash).toBe("problem=spiral&noise=35&layers=8-1&rate=0.1");
    expect(parseHash(fields, `#${hash}`)).toEqual(changed);
    expect(parseHash(fields, "layers=").layers).toEqual([]);
  });

  test.each([
    "problem=chess",
    "noise=51",
    "noise=-1",
    "noise=1e1",
    "layers=9",
    "layers=2-0",
    "layers=1-1-1-1-1",
    "rate=2",
    "seed=",
  ])("ignores %s", (hash) => expect(parseHash(fields, hash)).toEqual(initial));

  test("means the usual loss where its own does not fit the task", () => {
    expect(lossOf({ ...initial, problem: "xor", loss: "huber" })).toBe("logistic");
    expect(lossOf({ ...initial, problem: "hills", loss: "huber" })).toBe("huber");
  });
});

describe.each(problems)("the points of %s", (problem) => {
  const points = samples({ problem, noise: 20, split: 70, seed: 3 });

  test("are the same for a seed, lie in the square, and are split", () => {
    expect(samples({ problem, noise: 20, split: 70, seed: 3 })).toEqual(points);
    expect(samples({ problem, noise: 20, split: 70, seed: 4 })).not.toEqual(points);
    expect(points.train).toBe(280);
    expect(points.x.every((value) => Math.abs(value) <= reach)).toBe(true);
  });

  test("have both classes, or values around 0", () => {
    if (taskOf(problem) === "classification") {
      const positive = points.y.filter((y) => y === 1).length;
      expect(points.y.filter((y) => y === -1).length).toBe(count - positive);
      expect(Math.abs(positive - count / 2)).toBeLessThan(60);
    } else {
      expect(Math.abs(points.y.reduce((sum, y) => sum + y, 0) / count)).toBeLessThan(0.1);
    }
  });
});

test("a network that grows keeps the weights between units that stay", () => {
  const small = { ...initial, layers: [2, 2] };
  const values = firstValues({ ...small, seed: 9 });
  const kept = { sizes: sizesOf(small), values };
  const [first, second, output] = firstValues({ ...initial, layers: [3, 2] }, kept);
  expect(first!.weight.slice(0, 4)).toEqual(values[0]!.weight);
  expect([0, 1, 3, 4].map((i) => second!.weight[i])).toEqual([...values[1]!.weight]);
  expect(output!.weight).toEqual(values[2]!.weight);
  // The new layer's weights and the output's are drawn: they have met no such units.
  const [, , added, last] = firstValues({ ...initial, layers: [2, 2, 2] }, kept);
  expect(added!.weight).toEqual(firstValues({ ...initial, layers: [2, 2, 2] })[2]!.weight);
  expect(last!.weight).toEqual(firstValues({ ...initial, layers: [2, 2, 2] })[3]!.weight);
});

import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import type { Family } from "../../src/kernels/choose.ts";
import { registry, unknownVariant } from "../../src/selfcheck/registry.ts";
import { gpu, software } from "../adapters.ts";
import { cases } from "../cases.ts";
import { inputsOf } from "../differences.ts";
import { fill, reals } from "../draws.ts";

const listed = new Set(registry.map(({ family }) => family.name));

const isFamily = (value: unknown): value is Family =>
  typeof value === "object" && value !== null && "source" in value && "variants" in value;

test("every family that a file of kernels exports is in the registry", async () => {
  const files = import.meta.glob<Record<string, unknown>>("../../src/kernels/*.ts", { eager: true });
  const families = Object.values(files).flatMap((exports) => Object.values(exports).filter(isFamily));
  expect(families.length).toBeGreaterThan(20);
  expect(families.map(({ name }) => name).filter((name) => !listed.has(name))).toEqual([]);
});

test("every family that a case runs is in the registry", () => {
  const run = cases.flatMap(({ op, shapes: [shapes], draws = [reals(-2, 2)] }) => {
    const sizes = shapes!.map((shape) => shape.reduce((count, n) => count * n, 1));
    const { inputs } = inputsOf(fill(draws, sizes), shapes!);
    const outputs = { y: op(...inputs) };
    return [gpu, software].flatMap((traits) => compile({ outputs }, traits, new Map(), { merge: false }).calls);
  });
  expect(new Set(run.map(({ family }) => family)).size).toBeGreaterThan(10);
  expect(run.map(({ family }) => family).filter((name) => !listed.has(name))).toEqual([]);
});

test("an unknown family or variant gets a suggestion", () => {
  expect(unknownVariant({ matmul: "naive", "*": "naive" })).toBeUndefined();
  expect(unknownVariant({ matmull: "naive" })).toMatch(
    /^there is no kernel family "matmull" \(did you mean "matmul"\?\)/,
  );
  expect(unknownVariant({ matmul: "naiv" })).toMatch(/^there is no matmul variant "naiv" \(did you mean "naive"\?\)/);
});

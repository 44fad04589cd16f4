import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { problems } from "../../src/selfcheck/problems.ts";
import { gpu } from "../adapters.ts";

const able = { ...gpu, features: new Set(["shader-f16", "subgroups"]) };

test("the self-check runs every family of kernels that an op names", () => {
  const named = ["../../src/kernels/", "../../src/ops/"].flatMap((path) => {
    const folder = new URL(path, import.meta.url);
    return readdirSync(folder).flatMap((file) =>
      [...readFileSync(new URL(file, folder), "utf8").matchAll(/family: "(\w+)"/g)].map(([, family]) => family),
    );
  });
  const run = (["f32", "f16"] as const).flatMap(problems).flatMap(({ outputs }) => {
    const { calls } = compile({ outputs }, able, new Map(), { merge: false });
    return calls.map(({ family }) => family);
  });
  expect(new Set(named).size).toBeGreaterThan(8);
  // Kernels of users are theirs to check: see checkOp.
  expect([...new Set(named)].filter((family) => !run.includes(family!))).toEqual(["custom"]);
  expect(run).toEqual(expect.arrayContaining(["lstm", "gru", "rnn"]));
});

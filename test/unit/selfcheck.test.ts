import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { registry, unknownVariant } from "../../src/selfcheck/registry.ts";

test("every family that a file of kernels makes is in the registry", () => {
  const folder = new URL("../../src/kernels/", import.meta.url);
  const made = readdirSync(folder).flatMap((file) =>
    [
      ...readFileSync(new URL(file, folder), "utf8").matchAll(
        /= \/\* @__PURE__ \*\/ (?:family|only|lineFamily)(?:<[^(]*>)?\(\s*"(\w+)"/g,
      ),
    ].map(([, name]) => name!),
  );
  const listed = registry.map(({ family }) => family.name);
  expect(made.length).toBeGreaterThan(15);
  expect(made.filter((name) => !listed.includes(name))).toEqual([]);
});

test("an unknown family or variant gets a suggestion", () => {
  expect(unknownVariant({ matmul: "naive", "*": "naive" })).toBeUndefined();
  expect(unknownVariant({ matmull: "naive" })).toMatch(
    /^there is no kernel family "matmull" \(did you mean "matmul"\?\)/,
  );
  expect(unknownVariant({ matmul: "naiv" })).toMatch(/^there is no matmul variant "naiv" \(did you mean "naive"\?\)/);
});

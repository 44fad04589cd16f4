import { expect, test, vi } from "vitest";
import { declaredIn } from "../../shaders/lib/print.ts";
import { compile } from "../../src/compile/compile.ts";
import { problems, variantNames } from "../../src/selfcheck/registry.ts";
import { gpu, software } from "../adapters.ts";

/*
 * The printer replaces calls by name, and functions of elementwise ops are called in the bodies of our kernels. All of
 * these functions begin with `op_`, so no name of ours may.
 */

const accessors = vi.hoisted(() => new Set<string>());

vi.mock("../../shaders/lib/expand.ts", async (original) => {
  const { expand } = await original<typeof import("../../shaders/lib/expand.ts")>();
  const watched: typeof expand = (text, all) => {
    for (const name of Object.keys(all)) accessors.add(name);
    return expand(text, all);
  };
  return { expand: watched };
});

test("no accessor and no declaration of our kernels begins like a user's function", () => {
  const features = new Set(["shader-f16", "subgroups"]);
  const declared = new Set<string>();
  for (const dtype of ["f32", "f16"] as const)
    for (const { family, within, outputs } of problems(dtype))
      for (const variant of variantNames().get(family.name)!)
        for (const adapter of [gpu, software]) {
          const forced = { ...within, [family.name]: { ifFits: variant } };
          const traits = { ...adapter, features, maxStorageBuffers: 10, forced };
          for (const { wgsl } of compile({ outputs }, traits).calls)
            for (const name of declaredIn(wgsl)) declared.add(name);
        }
  expect([...accessors]).toEqual(expect.arrayContaining(["row_of", "load_a", "put", "y_put"]));
  expect([...declared]).toEqual(expect.arrayContaining(["finish", "put_one", "in0"]));
  expect([...accessors, ...declared].filter((name) => name.startsWith("op_"))).toEqual([]);
});

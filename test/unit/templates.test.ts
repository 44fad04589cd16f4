import { expect, test, vi } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { problems, variantNames } from "../../src/selfcheck/registry.ts";
import { gpu, software } from "../adapters.ts";

/* Sources of kernels: a reader sees where each brace of a template closes, whatever fills its holes. */

const seen = vi.hoisted(() => new Set<string>());

vi.mock("../../shaders/wgsl.ts", async (original) => {
  const all = await original<typeof import("../../shaders/wgsl.ts")>();
  const wgsl: typeof all.wgsl = (strings, ...holes) => {
    seen.add(strings.join("…"));
    return all.wgsl(strings, ...holes);
  };
  return { ...all, wgsl };
});

const count = (text: string, sign: string): number => text.split(sign).length - 1;

test("every template closes the braces that it opens", () => {
  for (const { family, within, outputs } of problems("f32"))
    for (const variant of variantNames().get(family.name)!)
      for (const adapter of [gpu, software]) {
        const forced = { ...within, [family.name]: { ifFits: variant } };
        compile({ outputs }, { ...adapter, features: new Set(["subgroups"]), maxStorageBuffers: 10, forced });
      }
  expect(seen.size).toBeGreaterThan(100);
  const open = [...seen].filter((text) => {
    const code = text.replace(/\/\/.*/g, "");
    return count(code, "{") !== count(code, "}");
  });
  expect(open).toEqual([]);
});

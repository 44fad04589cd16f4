import { afterEach, expect, test, vi } from "vitest";
import { help as bench } from "../../bench/options.ts";
import { help as mnist } from "../../demos/mnist/terminal/options.ts";
import { help as tabular } from "../../demos/tabular/options.ts";
import { adapterFacts } from "../../demos/terminal/format.ts";
import { help as text } from "../../demos/text/options.ts";
import type { Engine } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";

afterEach(() => vi.restoreAllMocks());

test.each(Object.entries({ bench, mnist, tabular, text }))("the help of %s names every adapter", async (_, help) => {
  const refused = await createGPU({ adapter: "none" as "auto" }).catch(({ message }) => message);
  const known = /expected (.*)$/.exec(refused)![1]!.split(/, | or /);
  expect(known).toHaveLength(6);
  for (const name of known) expect(help).toMatch(new RegExp(`\\b${name}\\b`));
});

test.each([
  ["google swiftshader", true, process.platform === "linux"],
  ["SwiftShader Device (Subzero)", true, process.platform === "linux"],
  ["mesa lavapipe", true, false],
  ["nvidia hopper", false, false],
])("on %s the demos suggest a faster adapter, if there is one", (adapter, cpu, hinted) => {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(line));
  adapterFacts({ adapter, traits: { cpu }, backend: "webgpu", backendReason: "asked for" } as Engine);
  expect(lines[0]).toContain(adapter);
  expect(lines[0]!.includes("on the CPU")).toBe(cpu);
  expect(lines[1]).toMatch(/backend +WebGPU: asked for$/);
  expect(lines.slice(2).some((line) => line.includes("mesa-vulkan-drivers"))).toBe(hinted);
});

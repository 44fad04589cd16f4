import { expect, test } from "vitest";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import type { PrintedCall } from "../../src/kernels/call.ts";

/** A device that counts what it compiles. */
function counting() {
  const compiled: string[] = [];
  const device = {
    pushErrorScope() {},
    popErrorScope: async () => null,
    createShaderModule: ({ code }: GPUShaderModuleDescriptor) => ({ code }),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createComputePipelineAsync: async ({ compute: { module } }: GPUComputePipelineDescriptor) => {
      compiled.push((module as unknown as { code: string }).code);
      return {};
    },
  };
  return { compiled, cache: new PipelineCache(device as unknown as GPUDevice) };
}

const call = (wgsl: string) => ({ label: wgsl, wgsl, bindings: [] }) as unknown as PrintedCall;

test("kernels of destroyed programs are kept for the next one, but not forever", async () => {
  const { compiled, cache } = counting();
  const lasting = cache.hold([call("lasting")]);
  for (let trial = 0; trial < 50; trial++) {
    const held = cache.hold(Array.from({ length: 10 }, (_, i) => call(`${trial}.${i}`)));
    await Promise.all(held.pipelines);
    held.letGo();
  }
  await Promise.all(lasting.pipelines);
  expect(compiled).toHaveLength(501);
  // The newest are kept, and so are those that a program holds; the oldest are not.
  await Promise.all(cache.hold([call("49.0"), call("49.9"), call("lasting")]).pipelines);
  expect(compiled).toHaveLength(501);
  await Promise.all(cache.hold([call("0.0")]).pipelines);
  expect(compiled).toHaveLength(502);
});

test("a kernel that two programs hold outlives the first", async () => {
  const { compiled, cache } = counting();
  const [first] = [cache.hold([call("shared")]), cache.hold([call("shared")])];
  first!.letGo();
  for (let i = 0; i < 100; i++) await cache.get(call(`other ${i}`));
  await cache.get(call("shared"));
  expect(compiled.filter((text) => text === "shared")).toHaveLength(1);
});

import { expect, test } from "vitest";
import { openDevice } from "../../src/gpu/device.ts";

/** A device with only an adapter's description. */
const device = (adapterInfo: Partial<GPUAdapterInfo>) =>
  ({ adapterInfo, limits: {}, features: new Set() }) as unknown as GPUDevice;

test.each([
  ["Chrome", { vendor: "nvidia", architecture: "hopper" }, "nvidia hopper", false],
  ["SwiftShader in Chrome", { vendor: "google", architecture: "swiftshader" }, "google swiftshader", true],
  ["Safari", { vendor: "apple", architecture: "metal-3" }, "apple metal-3", false],
  [
    "Deno",
    { vendor: "6880", architecture: "", device: "49374", description: "SwiftShader Device (Subzero)" },
    "SwiftShader Device (Subzero)",
    true,
  ],
  [
    "a vendor in hexadecimal",
    { vendor: "0x10de", description: "NVIDIA GeForce RTX 3060" },
    "NVIDIA GeForce RTX 3060",
    false,
  ],
  ["lavapipe in Node", { vendor: "mesa", architecture: "software", description: "Mesa 25.0.7" }, "mesa lavapipe", true],
  ["lavapipe in Deno", { vendor: "65541", description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, "mesa lavapipe", true],
  [
    "a browser that says nothing",
    { vendor: "", architecture: "", device: "", description: "" },
    "unnamed adapter",
    false,
  ],
  ["numbers alone", { vendor: "4318", architecture: "", device: "9860", description: "" }, "unnamed adapter", false],
])("the adapter's name, as reported by %s, is words", async (_, info, name, cpu) => {
  const open = await openDevice({ device: device(info) });
  expect([open.name, open.traits.cpu]).toEqual([name, cpu]);
});

test("the size of its subgroups is known if it reports it", async () => {
  const subgroupSizeOf = async (info: object) => (await openDevice({ device: device(info) })).traits.subgroupSize;
  expect(
    await subgroupSizeOf({ vendor: "mesa", architecture: "software", subgroupMinSize: 8, subgroupMaxSize: 8 }),
  ).toBe(8);
  expect(await subgroupSizeOf({ vendor: "google", architecture: "swiftshader" })).toBeUndefined();
});

import { DeviceError } from "../errors.ts";
import { findLavapipe, findSwiftShader, loadVulkan } from "./vulkan.ts";

/**
 * Deno has WebGPU of its own, which meets its drivers once in a thread, at the first request. SwiftShader is the only one of them
 * for "software", and one more for "auto", where a GPU comes first.
 */
export async function openDeno(choice: string): Promise<GPU> {
  const named = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  let cause: unknown;
  let variable: string | undefined;
  if (choice !== "hardware" && !named) {
    try {
      // Only one can be tried: the one that is known to be accepted, unless the other is asked for.
      const driver = choice === "lavapipe" ? findLavapipe()[0] : await findSwiftShader();
      if (driver && (await loadVulkan())) {
        variable = choice === "auto" ? "VK_ADD_DRIVER_FILES" : "VK_ICD_FILENAMES";
        process.env[variable] = driver;
      }
    } catch (error) {
      cause = error; // What Deno does not allow matters only where there is no other adapter.
    }
  }
  const { gpu } = navigator;
  const adapter = await gpu.requestAdapter();
  if (variable) delete process.env[variable];
  if (adapter && (choice === "auto" || adapter.info.isFallbackAdapter === (choice !== "hardware"))) return gpu;
  if (choice === "hardware") throw new DeviceError("no GPU found in Deno: install its driver for Vulkan");
  const refusal = cause instanceof Error ? `; Deno said: ${cause.message}` : "";
  throw new DeviceError(
    `no ${choice === "auto" ? "GPU and no software" : choice} adapter found in Deno${refusal}. It takes --allow-read, ` +
      "--allow-env, --allow-sys and --allow-ffi to find the one of npm's @sparticuz/chromium, on Linux and x64; the first " +
      "request of a thread decides which adapters it has",
    { cause },
  );
}

import { DeviceError } from "../errors.ts";
import { findLavapipe, findSwiftShader, loadVulkan } from "./vulkan.ts";

/**
 * Deno has its own WebGPU, which loads its drivers once per thread, at the first request. For "software", SwiftShader
 * is the only driver; for "auto" it is an additional one, after any GPU.
 */
export async function openDeno(choice: string): Promise<GPU> {
  const named = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  let cause: unknown;
  let variable: string | undefined;
  if (choice !== "hardware" && !named) {
    try {
      // Only one driver can be tried: the one Deno is known to accept, unless the caller asks for the other.
      const driver = choice === "lavapipe" ? findLavapipe()[0] : await findSwiftShader();
      if (driver && (await loadVulkan())) {
        variable = choice === "auto" ? "VK_ADD_DRIVER_FILES" : "VK_ICD_FILENAMES";
        process.env[variable] = driver;
      }
    } catch (error) {
      cause = error; // A missing permission matters only if there is no other adapter.
    }
  }
  const { gpu } = navigator;
  const adapter = await gpu.requestAdapter();
  if (variable) delete process.env[variable];
  if (adapter && (choice === "auto" || adapter.info.isFallbackAdapter === (choice !== "hardware"))) return gpu;
  if (choice === "hardware") throw new DeviceError("no GPU found in Deno: install its driver for Vulkan");
  const refusal = cause instanceof Error ? `; Deno said: ${cause.message}` : "";
  throw new DeviceError(
    `no ${choice === "auto" ? "GPU and no software" : choice} adapter found in Deno${refusal}. To find npm's ` +
      "@sparticuz/chromium (Linux on x64 only), Deno needs --allow-read, --allow-env, --allow-sys and --allow-ffi. The first " +
      "request of a thread fixes its adapters",
    { cause },
  );
}

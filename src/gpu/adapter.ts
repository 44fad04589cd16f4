/** What this page, worker or program has of WebGPU. */
export const gpuHere = (): GPU | undefined => (globalThis.navigator as Navigator | undefined)?.gpu;

/** The hardware adapter of this page, worker or program, or why WebAssembly computes in its place. */
export async function hardwareHere(
  powerPreference: GPUPowerPreference = "high-performance",
): Promise<GPUAdapter | string> {
  const gpu = gpuHere();
  if (!gpu) {
    if (!("isSecureContext" in globalThis)) return "no WebGPU here: in Node, createGPU() of tilegrad/node finds one";
    return isSecureContext ? "no WebGPU in this browser" : "no WebGPU on a page without https";
  }
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (!adapter) return "no adapter";
  return isSoftware(adapter.info) ? `only a software adapter (${nameOf(adapter.info)})` : adapter;
}

/** Some browsers and Deno report PCI IDs instead of words. */
const spokenOf = (info: GPUAdapterInfo | undefined): string =>
  [info?.vendor, info?.architecture].filter((word) => word && !/^(0x[\da-f]+|\d+)$/i.test(word)).join(" ");

const wordsOf = (info: GPUAdapterInfo | undefined): string =>
  `${spokenOf(info)} ${info?.device ?? ""} ${info?.description ?? ""}`;

/** One name per adapter: Dawn reports "mesa software", Deno "llvmpipe (LLVM 15.0.6, 256 bits)". */
export function nameOf(info: GPUAdapterInfo | undefined): string {
  const lavapipe = /llvmpipe|mesa software/i.test(wordsOf(info)) ? "mesa lavapipe" : "";
  return lavapipe || spokenOf(info) || info?.description || "unnamed adapter";
}

/** Whether an adapter is the CPU. */
export const isSoftware = (info: GPUAdapterInfo | undefined): boolean =>
  info?.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(wordsOf(info));

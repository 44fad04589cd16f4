/** What this page, worker or program has of WebGPU. */
export const gpuHere = (): GPU | undefined => (globalThis.navigator as Navigator | undefined)?.gpu;

/** The hardware adapter of this page, worker or program, if it has one. */
export async function hardwareHere(options?: GPURequestAdapterOptions): Promise<GPUAdapter | undefined> {
  const adapter = await gpuHere()?.requestAdapter(options);
  return adapter && !isSoftware(adapter.info) ? adapter : undefined;
}

/** What this page, worker or program lacks for WebGPU on hardware. */
export async function lackHere(): Promise<string> {
  const gpu = gpuHere();
  if (gpu) {
    const adapter = await gpu.requestAdapter();
    return adapter ? `only a software adapter (${nameOf(adapter.info)})` : "no adapter";
  }
  if (!("isSecureContext" in globalThis))
    return "no WebGPU here: in Node, pass gpu: await createGPU() of tilegrad/node";
  return isSecureContext ? "no WebGPU in this browser" : "no WebGPU on a page without https";
}

/** Whether an adapter is that of `createWasm`. */
export const isWasm = (info: GPUAdapterInfo | undefined): boolean => info?.vendor === "webassembly";

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

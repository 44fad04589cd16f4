import type { CompilerError } from "../../src/kernels/call.ts";

/** The compiler's errors in a WGSL text, with line and column. */
export async function compilerErrors(device: GPUDevice, wgsl: string): Promise<readonly CompilerError[]> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code: wgsl });
  const [{ messages }] = await Promise.all([module.getCompilationInfo(), device.popErrorScope()]);
  return messages
    .filter(({ type }) => type === "error")
    .map(({ lineNum, linePos, message }) => ({ lineNum, linePos, message }));
}

import type { PrintedCall } from "../kernels/call.ts";

/**
 * The compiler's errors in a kernel, one after another, each with its line. If a user wrote part of the kernel and the
 * fault is there, the lines are those of the user's text.
 * @param module the kernel's. @param compile compiles another text.
 */
export async function faultsIn(
  { wgsl, written = [] }: PrintedCall,
  module: GPUShaderModule,
  compile: (code: string) => GPUShaderModule,
): Promise<string> {
  const lines = wgsl.split("\n");
  const own = (await errorsIn(module)).map(
    ({ lineNum, message }) => `\n  line ${lineNum}: ${message}\n    ${lines[lineNum - 1]?.trim() ?? ""}`,
  );
  const users = await Promise.all(written.map((part) => part.faults((code) => errorsIn(compile(code)))));
  const theirs = [...new Set(users.flat())].map((fault) => `\n${fault}`);
  return (theirs.length > 0 ? theirs : own).join("");
}

const errorsIn = async (module: GPUShaderModule): Promise<readonly GPUCompilationMessage[]> => {
  const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
  return messages.filter(({ type }) => type === "error");
};

import { checkChoice, checkWhole } from "./errors.ts";

/** What computes: WebGPU, or WebAssembly on the CPU. */
export type Backend = "webgpu" | "wasm";

/** @throws AttributeError for anything else. @param name what holds it: an option or a variable. */
export function checkBackend(op: string, name: string, value: unknown): asserts value is Backend {
  checkChoice(op, name, value as string, ["webgpu", "wasm"]);
}

/**
 * What the environment variable `TILEGRAD_BACKEND` asks for, if anything. Browsers have none.
 * @throws AttributeError for an unknown value.
 */
export function backendOfEnvironment(op: string): Backend | undefined {
  const value = variable();
  if (value) checkBackend(op, "TILEGRAD_BACKEND", value);
  return value || undefined;
}

function variable(): Backend | undefined {
  try {
    // Bundlers leave this as it is, and pages have no `process`.
    return globalThis.process?.env?.["TILEGRAD_BACKEND"] as Backend | undefined;
  } catch {
    return undefined; // Deno asks for --allow-env.
  }
}

/** @throws AttributeError for a number of threads that cannot be: each has memory for arrays of functions. */
export const checkThreads = (op: string, threads: number): number => checkWhole(op, "threads", threads, 1, 64);

/** Why `createGPU` took what it took. */
export const reasons: WeakMap<GPU, string> = /* @__PURE__ */ new WeakMap();

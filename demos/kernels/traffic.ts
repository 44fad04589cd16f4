import { modelled } from "../../bench/modelled/model.ts";
import type { Compiled } from "../../src/compile/compile.ts";
import { gpus } from "../../src/kernels/model.ts";
import { trafficOf } from "../../src/selfcheck/kernelTraffic.ts";
import type { ModelledKernel } from "./rows.ts";

/** Counts what a kernel asks for, and models it on described GPUs. @throws as `countTraffic`. */
export function modelledKernel(compiled: Compiled, kernel: number, subgroupSize = 32): ModelledKernel {
  const traffic = trafficOf(compiled.calls[kernel]!, compiled, {}, { subgroupSize });
  return { traffic, on: gpus.map((gpu) => ({ gpu, times: modelled(traffic, gpu) })) };
}

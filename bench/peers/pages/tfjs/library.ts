import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import { watchWebGPU } from "../device.ts";
import { library } from "../work.ts";
import { kernels } from "./kernels.ts";
import { open } from "./open.ts";
import * as steps from "./steps.ts";

const device = watchWebGPU();

export const make = library(open, { ...kernels, ...steps });

/** Submits the dispatches that the backend has collected. */
export function finish(): Promise<void> {
  const backend = tf.backend() as WebGPUBackend;
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  return device.done();
}

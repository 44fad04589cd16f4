import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import plain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import simd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import threaded from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";
import * as tf from "@tensorflow/tfjs-core";
import { library } from "../work.ts";
import { kernels } from "./kernels.ts";
import * as steps from "./steps.ts";

async function open(): Promise<void> {
  setWasmPaths({
    "tfjs-backend-wasm.wasm": plain,
    "tfjs-backend-wasm-simd.wasm": simd,
    "tfjs-backend-wasm-threaded-simd.wasm": threaded,
  });
  setThreadsCount(navigator.hardwareConcurrency);
  await tf.setBackend("wasm");
  await tf.ready();
}

export const make = library(open, { ...kernels, ...steps });

/** Each operation has ended when its function returns. */
export const finish = async (): Promise<void> => {};

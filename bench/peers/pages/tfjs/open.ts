import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";

export async function open(): Promise<void> {
  await tf.setBackend("webgpu");
  await tf.ready();
}

import { connect } from "tilegrad/worker";
import type training from "./training.worker.ts";

const bar = document.querySelector("progress")!;
const result = document.querySelector("#result")!;
const stop = new AbortController();
document.querySelector("#stop")!.addEventListener("click", () => stop.abort());

try {
  const remote = await connect<typeof training>(
    () => new Worker(new URL("./training.worker.ts", import.meta.url), { type: "module" }),
    { inPage: () => import("./training.worker.ts") },
  );
  await remote.fit("train", {
    epochs: 20,
    batchSize: 64,
    signal: stop.signal,
    onProgress: ({ epoch, epochs }) => {
      bar.value = epoch / epochs;
    },
  });
  const { accuracy } = await remote.evaluate("test");
  result.textContent = `${(100 * accuracy).toFixed(1)} % of new points are right.`;
  remote.terminate();
} catch (error) {
  result.textContent = (error as Error).message; // for instance: this browser has no WebGPU
}

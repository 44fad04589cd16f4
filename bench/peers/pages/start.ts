/** Starts a worker for one library. */
export const start = (): Worker => new Worker(new URL("./bench.worker.ts", import.meta.url), { type: "module" });

import type { SuiteOptions } from "../../bench/measure/suite.ts";
import type { Backend } from "../../src/index.ts";
import { ended } from "../../src/worker/alive.ts";
import { hasMore } from "../parts/backend.ts";
import type { News } from "./measuring.ts";

/** The way to what measures. */
export interface Line {
  readonly adapter: string;
  readonly cpu: boolean;
  /** What computes, and why. */
  readonly backend: Backend;
  readonly backendReason: string;
  /** Why it is in the page and not in a worker, if so. */
  readonly reason: string | undefined;
  measure(options: SuiteOptions): void;
  /** Ends it at once. */
  cut(): void;
}

type Hear = (news: News) => void;

/**
 * Starts a worker that measures; where only the page has WebGPU, it measures itself. The calls are plain messages,
 * lighter than a trainer's.
 * @param hear what it says from then on.
 * @throws Error where there is nothing to measure.
 */
export async function open(hear: Hear): Promise<Line> {
  const worker = new Worker(new URL("./speed.worker.ts", import.meta.url), { type: "module", name: location.search });
  const fromWorker = await new Promise<News>((resolve) => {
    worker.addEventListener("message", ({ data }: MessageEvent<News>) => resolve(data), { once: true });
    worker.addEventListener("error", ({ message }) => resolve({ missing: message || "the worker did not start" }));
  });
  if ("ready" in fromWorker && !(await hasMore(fromWorker.ready.backend))) {
    worker.addEventListener("message", ({ data }: MessageEvent<News>) => hear(data));
    worker.addEventListener("error", ({ message }) => hear({ failed: message }));
    void ended(fromWorker.lock).then(() => hear({ failed: "The worker has ended: the browser ended it." }));
    return {
      ...fromWorker.ready,
      reason: undefined,
      measure: (options) => worker.postMessage(options),
      cut: () => worker.terminate(),
    };
  }
  worker.terminate();
  const { Measuring } = await import("./measuring.ts");
  let isCut = false;
  let start: Hear = () => {};
  const started = new Promise<News>((resolve) => {
    start = resolve;
  });
  const measuring = new Measuring((news) => {
    if (isCut) throw new Error("stopped");
    if ("ready" in news || "missing" in news) start(news);
    else hear(news);
  });
  const here = await started;
  if (!("ready" in here)) throw new Error("missing" in here ? here.missing : "no GPU was found");
  return {
    ...here.ready,
    reason: "workers have no WebGPU in this browser",
    measure: (options) => void measuring.measure(options).catch(() => undefined),
    cut() {
      isCut = true;
    },
  };
}

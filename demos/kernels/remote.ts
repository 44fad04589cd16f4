import { wrap } from "comlink";
import { hasMore } from "../parts/backend.ts";
import type { Bench } from "./bench.ts";
import type { About } from "./rows.ts";

/** The bench, wherever it runs. */
export type RemoteBench = {
  readonly [K in keyof Bench]: (...given: Parameters<Bench[K]>) => Promise<Awaited<ReturnType<Bench[K]>>>;
};

/** A bench with its GPU, in a worker if possible. */
export interface Connection {
  readonly bench: RemoteBench;
  readonly about: About;
  /** Why it runs in the page and not in a worker, if so. */
  readonly reason: string | undefined;
  /** Ends it, whatever it is doing. */
  cut(): void;
}

/** Milliseconds for a worker to load, and for a GPU to answer. */
const mostMs = 30_000;

/** Did not answer in time. */
export class Silence extends Error {}

/** The answer, or a Silence after some time. */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Silence(`no answer for ${Math.round(ms / 1000)} seconds`)), ms);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Starts a bench and opens its GPU, or WebAssembly. @throws Error where there is nothing that the address asks for, and Silence if it does not answer. */
export async function connect(): Promise<Connection> {
  const worker = new Worker(new URL("./kernels.worker.ts", import.meta.url), { type: "module", name: location.search });
  try {
    if (await within(mostMs, isReady(worker))) {
      const bench = wrap<Bench>(worker) as unknown as RemoteBench;
      const about = await within(mostMs, bench.open());
      if (!(await hasMore(about.backend))) return { bench, about, reason: undefined, cut: () => worker.terminate() };
    }
  } catch (error) {
    worker.terminate();
    throw error;
  }
  worker.terminate();
  // Only here does the page load the engine itself.
  const { Bench } = await import("./bench.ts");
  const bench = new Bench();
  const about = await bench.open();
  const here = bench as unknown as RemoteBench;
  return { bench: here, about, reason: "workers have no WebGPU in this browser", cut: () => {} };
}

/** Waits until a worker's file has run. @returns whether it has what the address asks for. */
function isReady(worker: Worker): Promise<boolean> {
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<{ ready: boolean }>) => resolve(data.ready), {
      once: true,
    });
    worker.addEventListener("error", ({ message }) => reject(new Error(message || "the worker did not start")), {
      once: true,
    });
  });
}

import { expose as exposeTo } from "comlink";
import { refuse } from "../errors.ts";
import type { EngineOptions } from "../runtime/engine.ts";
import { holdLock } from "./alive.ts";
import { Host } from "./host.ts";
import type { Exposed, Served, Setup } from "./served.ts";

/**
 * Serves a trainer to the page that started this worker. Call it once, at the top level of the worker's file, and export
 * the result:
 *
 * ```ts
 * export default expose(async (engine) => {
 *   const model = nn.sequential(nn.linear(2, 32), nn.relu(), nn.linear(32, 1));
 *   const trainer = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.adam() });
 *   return { trainer, data: { train: await fetchData() } };
 * });
 * ```
 *
 * Where the file is imported by a page, because workers have no WebGPU there, this does nothing by itself.
 *
 * @param options of the engine.
 */
export function expose<G, const S extends Served>(setup: Setup<G, S>, options: EngineOptions = {}): Exposed<G, S> {
  if (typeof setup !== "function") refuse("expose", "the first argument", setup, "a function that returns { trainer }");
  if (isWorker()) {
    exposeTo(new Host(setup as Setup<unknown, Served>, options));
    // The page may send only now: until a file has run, a worker loses messages.
    void Promise.all([missingGPU(options), holdLock().catch(() => undefined)]).then(([missing, lock]) =>
      postMessage({ tilegrad: "ready", missing, lock } satisfies Ready),
    );
  }
  return { setup, options };
}

/** The first message of a worker. */
export interface Ready {
  readonly tilegrad: "ready";
  /** Why there can be no engine, if so. */
  readonly missing: string | undefined;
  /** The lock that it holds while it lives, if it could take one. */
  readonly lock: string | undefined;
}

const isWorker = (): boolean => "DedicatedWorkerGlobalScope" in globalThis;

/** Why workers cannot use a GPU here. */
async function missingGPU({ device, adapter, gpu = navigator.gpu }: EngineOptions): Promise<string | undefined> {
  if (device || adapter) return undefined;
  if (!gpu) return "workers have no WebGPU in this browser";
  return (await gpu.requestAdapter()) ? undefined : "workers find no GPU in this browser";
}

import { expose as exposeTo } from "comlink";
import { backendOfEnvironment } from "../backend.ts";
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
    const mayDoWithout = (options.backend ?? backendOfEnvironment("Engine.create")) !== "webgpu" && !options.gpu;
    void Promise.all([missingGPU(options), holdLock().catch(() => undefined)]).then(([missing, lock]) =>
      postMessage({ tilegrad: "ready", missing, mayDoWithout, lock } satisfies Ready),
    );
  }
  return { setup, options };
}

/** The first message of a worker. */
export interface Ready {
  readonly tilegrad: "ready";
  /** Why there is no GPU, if so and if one is wanted. */
  readonly missing: string | undefined;
  /** Whether WebAssembly would do, where the page has no GPU either. */
  readonly mayDoWithout: boolean;
  /** The lock that it holds while it lives, if it could take one. */
  readonly lock: string | undefined;
}

const isWorker = (): boolean => "DedicatedWorkerGlobalScope" in globalThis;

/** Why workers cannot use a GPU here. */
async function missingGPU(options: EngineOptions): Promise<string | undefined> {
  const { device, adapter, backend, gpu = navigator.gpu } = options;
  if (device || adapter || (backend === "wasm" && !options.gpu)) return undefined;
  if (!gpu) return "workers have no WebGPU in this browser";
  return (await gpu.requestAdapter()) ? undefined : "workers find no GPU in this browser";
}

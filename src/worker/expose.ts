import { expose as exposeTo } from "comlink";
import { refuse } from "../errors.ts";
import type { Engine, EngineOptions } from "../runtime/engine.ts";
import type { Callback, Data, Trainer } from "../train/index.ts";
import { Host } from "./host.ts";

/** Functions of the app that its page may call. Arguments and results are copied, or moved if marked with `moved`. */
// biome-ignore lint/suspicious/noExplicitAny: any parameters
export type Methods = Readonly<Record<string, (...args: any[]) => unknown>>;

/** What a worker does for its page. */
export interface Served<M extends string = string, D extends string = string, F extends Methods = Methods> {
  readonly trainer: Trainer<M>;
  /** Data by name, for `fit("train")`: it stays in the worker. */
  readonly data?: Readonly<Record<D, Data>>;
  /** Of every training. */
  readonly callbacks?: readonly Callback[];
  /** More functions for the page. */
  readonly methods?: F;
}

/**
 * Makes what a worker serves.
 * @param engine on the worker's own device.
 * @param given what the page passed as `given`.
 * @param tell sends a message to the page's `onMessage`, for instance how much has been loaded.
 */
export type Setup<G, S extends Served> = (engine: Engine, given: G, tell: (message: unknown) => void) => S | Promise<S>;

/** The default export of a worker's file. `typeof` it gives a page the types of its calls. */
export interface Exposed<G = unknown, S extends Served = Served> {
  readonly setup: Setup<G, S>;
  readonly options: EngineOptions;
}

// biome-ignore lint/suspicious/noExplicitAny: any parameters and results
export type AnyExposed = Exposed<any, any>;

/** What the setup of a worker takes from its page. */
export type GivenOf<E> = E extends Exposed<infer G, Served> ? G : never;

type ServedBy<E> = E extends { readonly setup: (...args: never[]) => infer R } ? Awaited<R> : never;

/** Names of a worker's metrics. */
export type MetricsOf<E> = ServedBy<E> extends { readonly trainer: Trainer<infer M> } ? M : never;

/** Names of a worker's data. */
export type DataOf<E> = ServedBy<E> extends { readonly data: infer D } ? keyof D & string : never;

/** A worker's own functions. */
export type MethodsOf<E> = ServedBy<E> extends { readonly methods: infer F } ? F : Record<never, never>;

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
    void missingGPU(options).then((missing) => postMessage({ tilegrad: "ready", missing } satisfies Ready));
  }
  return { setup, options };
}

/** The first message of a worker. */
export interface Ready {
  readonly tilegrad: "ready";
  /** Why there can be no engine, if so. */
  readonly missing: string | undefined;
}

const isWorker = (): boolean => "DedicatedWorkerGlobalScope" in globalThis;

/** Why workers cannot use a GPU here. */
async function missingGPU({ device, adapter, gpu = navigator.gpu }: EngineOptions): Promise<string | undefined> {
  if (device || adapter) return undefined;
  if (!gpu) return "workers have no WebGPU in this browser";
  return (await gpu.requestAdapter()) ? undefined : "workers find no GPU in this browser";
}

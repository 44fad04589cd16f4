import type { Engine, EngineOptions } from "../runtime/engine.ts";
import type { Callback, Data, Trainer } from "../train/index.ts";

/** Functions of the app that its page may call. Arguments and results are copied, or moved if marked with `moved`. */
// biome-ignore lint/suspicious/noExplicitAny: any parameters
export type Methods = Readonly<Record<string, (...args: any[]) => unknown>>;

/** What a worker does for its page. */
export interface Served<M extends string = string, D extends string = string, F extends Methods = Methods> {
  /** What the page's `fit`, `predict` and the like call. Without one, the page has `methods` only. */
  readonly trainer?: Trainer<M>;
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
 * @param tell sends a message to the page's `onMessage`, for instance how much is loaded.
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

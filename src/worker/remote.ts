import { proxy, type Remote, transfer } from "comlink";
import type { Backend } from "../backend.ts";
import { checkObject, DeviceError, refuse, StateError } from "../errors.ts";
import type { Shape } from "../graph/shape.ts";
import type { TensorData } from "../graph/tensor.ts";
import type {
  ArrayData,
  Arrays,
  EpochLogs,
  FitOptions,
  History,
  Logs,
  Prediction,
  PredictOptions,
  Progress,
} from "../train/index.ts";
import { revived } from "./errors.ts";
import type { About, Host, PlainFitOptions, Reply } from "./host.ts";
import { movedOf } from "./moved.ts";
import { nextFrame } from "./newest.ts";
import type { AnyExposed, DataOf, MethodsOf, MetricsOf } from "./served.ts";

/** The way to a host. */
export interface Line {
  readonly host: Remote<Host>;
  /** Why the host is in the page; `undefined` if it is in a worker. */
  readonly reason: string | undefined;
  /** Resolves when the host has ended, by itself or by `cut`. */
  readonly ended: Promise<void>;
  /** Ends the host. */
  cut(): void;
}

/** What a page reads about a worker that ended, though the page did not terminate it. */
const died = "the worker has ended: it closed itself, or the browser ended it";

/** Options of a training in a worker. Other callbacks belong to the worker's setup. */
export interface RemoteFitOptions<M extends string = string, D extends string = string>
  extends Omit<FitOptions, "callbacks" | "validationData"> {
  /** Measures loss and metrics on this data after each epoch: arrays, or the name of data in the worker. Default none. */
  readonly validationData?: D | Arrays;
  /**
   * Called with the state of the training, at most once per frame of the page: while the page is busy, only the newest
   * waits. If it throws, the training ends, and `fit` throws that. Default none.
   */
  readonly onProgress?: (progress: Progress<M>) => unknown;
  /** Called with the values of each epoch; default none. */
  readonly onEpochEnd?: (logs: EpochLogs<M>) => unknown;
}

/** The app's own functions, each with a promise of its result. */
export type RemoteMethods<F> = {
  readonly [K in keyof F]: F[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

/**
 * A trainer in a worker. Its calls are those of `Trainer`, several may be under way at once, and errors keep their
 * class. Predictions, files and weights are moved to the page, not copied; arguments are copied, or moved if marked with
 * `moved`.
 */
export class RemoteTrainer<E extends AnyExposed = AnyExposed> {
  /** Where the trainer is. */
  readonly where: "worker" | "page";
  /** Why it is in the page, if so. */
  readonly reason: string | undefined;
  /** Name of the GPU's adapter. */
  readonly adapter: string;
  /** Whether the adapter is a CPU. */
  readonly cpu: boolean;
  /** What computes: "webgpu", or "wasm", WebAssembly on the CPU. */
  readonly backend: Backend;
  /** Why it computes there, as `engine.backendReason`. */
  readonly backendReason: string;
  /** Resolves when the GPU is lost or the worker has ended by itself, with the reason. Nothing else can be computed then. */
  readonly lost: Promise<string>;
  /** The app's own functions. */
  readonly methods: RemoteMethods<MethodsOf<E>>;
  readonly #line: Line;
  readonly #calls = new Set<(error: Error) => void>();
  #trainings = 0;
  /** Why there are no more calls, if so. */
  #ended: string | undefined;

  /** @internal */
  static async open<E extends AnyExposed>(
    line: Line,
    given: unknown,
    tell: (message: unknown) => void,
  ): Promise<RemoteTrainer<E>> {
    const ended = line.ended.then(() => {
      throw new DeviceError(`connect: ${died} before it was ready`);
    });
    const opened = Promise.race([line.host.open(sent(given), proxy(tell) as never), ended]);
    return new RemoteTrainer<E>(line, resultOf(await opened));
  }

  private constructor(line: Line, { adapter, cpu, backend, backendReason }: About) {
    this.#line = line;
    this.where = line.reason === undefined ? "worker" : "page";
    this.reason = line.reason;
    this.adapter = adapter;
    this.cpu = cpu;
    this.backend = backend;
    this.backendReason = backendReason;
    const closed = new Promise<string>((resolve) => {
      void line.ended.then(() => {
        if (this.#ended !== undefined) return;
        this.#end(died);
        resolve(died);
      });
    });
    this.lost = Promise.race([line.host.lost().then(resultOf<string>), closed]);
    this.methods = new Proxy({} as RemoteMethods<MethodsOf<E>>, {
      // Awaiting the proxy must not look like a method called "then".
      get: (_, name) =>
        typeof name === "string" && name !== "then"
          ? (...args: unknown[]) => this.#call(name, (host) => host.call(name, transfer(args, movedOf(args))))
          : undefined,
    });
  }

  /**
   * Trains, as `Trainer.fit`.
   * @param data the name of data in the worker, or arrays.
   * @param options `signal` ends the training after the current step.
   */
  async fit(
    data: DataOf<E> | Arrays,
    options: RemoteFitOptions<MetricsOf<E>, DataOf<E>> = {},
  ): Promise<History<MetricsOf<E>>> {
    checkObject("fit", "the options", options, "{ epochs, … }");
    const { signal, onProgress, onEpochEnd, callbacks, ...plain } = options as typeof options & { callbacks?: unknown };
    if (callbacks !== undefined)
      refuse(
        "fit",
        "callbacks",
        callbacks,
        "none: they belong to the worker, whose setup returns { trainer, callbacks }",
      );
    const id = this.#trainings++;
    const abort = () => void this.#line.host.abort(id);
    let failure: { readonly error: unknown } | undefined;
    /** A callback of the page for the worker, whose error ends the training. */
    const called = <T>(callback: ((value: T) => unknown) | undefined, before: () => Promise<void>) =>
      callback &&
      proxy(async (value: T) => {
        try {
          await before();
          if (!failure && this.#ended === undefined) await callback(value);
        } catch (error) {
          failure ??= { error };
          abort();
        }
      });
    const progress = called(onProgress as ((value: Progress) => unknown) | undefined, nextFrame);
    const epoch = called(onEpochEnd as ((value: EpochLogs) => unknown) | undefined, async () => {});
    const training = this.#call("fit", (host) =>
      host.fit(id, sent(data), plain as PlainFitOptions, progress as never, epoch as never, signal?.aborted === true),
    );
    signal?.addEventListener("abort", abort);
    try {
      const history = await training;
      if (failure) throw (failure as { readonly error: unknown }).error;
      return history as History<MetricsOf<E>>;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Loss and metrics, as `Trainer.evaluate`. @param data the name of data in the worker, or arrays. */
  evaluate(data: DataOf<E> | Arrays, options: { readonly batchSize?: number } = {}): Promise<Logs<MetricsOf<E>>> {
    return this.#call("evaluate", (host) => host.evaluate(sent(data), options)) as Promise<Logs<MetricsOf<E>>>;
  }

  /** Predictions, as `Trainer.predict`. */
  predict(x: ArrayData, options?: PredictOptions): Promise<Prediction>;
  predict(
    x: Readonly<Record<string, ArrayData>>,
    options?: PredictOptions,
  ): Promise<Prediction & Record<string, Prediction>>;
  predict(x: ArrayData | Readonly<Record<string, ArrayData>>, options: PredictOptions = {}): Promise<unknown> {
    return this.#call("predict", (host) => host.predict(sent(x), options));
  }

  /** The whole state as a file, as `Trainer.save`. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#call("save", (host) => host.save()) as Promise<Uint8Array<ArrayBuffer>>;
  }

  /** Loads a file of `save`. @param name of the file in errors. */
  async load(bytes: Uint8Array, name?: string): Promise<void> {
    await this.#call("load", (host) => host.load(sent(bytes), name));
  }

  /** The values of the model's variables, by name. */
  weights(): Promise<Readonly<Record<string, { readonly data: TensorData; readonly shape: Shape }>>> {
    return this.#call("weights", (host) => host.weights()) as ReturnType<RemoteTrainer["weights"]>;
  }

  /** The history of the training so far. */
  history(): Promise<History<MetricsOf<E>> | undefined> {
    return this.#call("history", (host) => host.history()) as Promise<History<MetricsOf<E>> | undefined>;
  }

  /** What the trainer is doing. */
  state(): Promise<"idle" | "training" | "paused"> {
    return this.#call("state", (host) => host.state()) as ReturnType<RemoteTrainer["state"]>;
  }

  /** Pauses the training after the current step. Resolves when it has paused. */
  async pause(): Promise<void> {
    await this.#call("pause", (host) => host.pause());
  }

  /** Continues a paused training. */
  async resume(): Promise<void> {
    await this.#call("resume", (host) => host.resume());
  }

  /**
   * Ends the worker at once, and with it all that it has on the GPU. Calls under way reject with a StateError, as they do
   * if the worker ends by itself. To start over, call `connect` again.
   */
  terminate(): void {
    if (this.#ended !== undefined) return;
    this.#end("the worker has been terminated");
    this.#line.cut();
  }

  /** Rejects all calls, now and later. */
  #end(reason: string): void {
    this.#ended ??= reason;
    for (const end of [...this.#calls]) end(new StateError(reason));
  }

  /** Calls the host. @param call its name in errors. */
  async #call<T>(call: string, act: (host: Remote<Host>) => Promise<Reply<T>>): Promise<T> {
    if (this.#ended !== undefined) throw new StateError(`${call}: ${this.#ended}`);
    let end: (error: Error) => void = () => {};
    const ended = new Promise<never>((_, reject) => {
      end = ({ message }) => reject(new StateError(`${call}: ${message}`));
      this.#calls.add(end);
    });
    try {
      return resultOf(await Promise.race([act(this.#line.host), ended]));
    } finally {
      this.#calls.delete(end);
    }
  }
}

/** The value of a reply. @throws its error. */
function resultOf<T>(reply: Reply<T>): T {
  if ("error" in reply) throw revived(reply.error);
  return reply.value;
}

/** An argument, with what it moves. */
const sent = <T>(value: T): T => (Object(value) === value ? (transfer(value as never, movedOf([value])) as T) : value);

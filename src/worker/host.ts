import { type ProxyMarked, type Remote, releaseProxy, transfer } from "comlink";
import type { Backend } from "../backend.ts";
import { noSuch, StateError } from "../errors.ts";
import { Engine, type EngineOptions } from "../runtime/engine.ts";
import type {
  ArrayData,
  Arrays,
  Data,
  EpochLogs,
  FitOptions,
  PredictOptions,
  Progress,
  Trainer,
} from "../train/index.ts";
import { type Told, told } from "./errors.ts";
import { buffersIn, movedOf } from "./moved.ts";
import { newest } from "./newest.ts";
import type { Served, Setup } from "./served.ts";

/** A result, or an error with all it says. */
export type Reply<T = unknown> = { readonly value: T } | { readonly error: Told };

/** What the page wants to know about a training. */
export interface Watch {
  progress?(progress: Progress): Promise<void>;
  epoch?(logs: EpochLogs): Promise<void>;
}

/** What the page learns of the engine. */
export interface About {
  /** Name of its adapter. */
  readonly adapter: string;
  /** Whether the adapter is a CPU. */
  readonly cpu: boolean;
  /** What computes there, and why. */
  readonly backend: Backend;
  readonly backendReason: string;
}

/** Data by name, or arrays of the page. */
export type Where = string | Arrays;

/** Options of a training that can travel. */
export type PlainFitOptions = Omit<FitOptions, "callbacks" | "signal" | "validationData"> & {
  readonly validationData?: Where;
};

/** A callback of the page, as Comlink passes it. */
type Calling<T extends (...args: never[]) => unknown> = Remote<T & ProxyMarked>;

/** The side of the calls that has the GPU: in a worker, or in the page itself. */
export class Host {
  readonly #setup: Setup<unknown, Served>;
  readonly #options: EngineOptions;
  #engine: Engine | undefined;
  #served: Served | undefined;
  readonly #trainings = new Map<number, AbortController>();

  constructor(setup: Setup<unknown, Served>, options: EngineOptions) {
    this.#setup = setup;
    this.#options = options;
  }

  open(given: unknown, tell: Calling<(message: unknown) => void>): Promise<Reply<About>> {
    return reply(async () => {
      this.#engine = await Engine.create(this.#options);
      // Messages and results take different ways, and no message may come after the result.
      const telling = new Set<Promise<unknown>>();
      const send = (message: unknown): void => {
        const sending = tell(message).finally(() => telling.delete(sending));
        telling.add(sending);
      };
      try {
        this.#served = await this.#setup(this.#engine, given, send);
      } finally {
        await Promise.all(telling);
      }
      const { adapter, traits, backend, backendReason } = this.#engine;
      return { adapter, cpu: traits.cpu, backend, backendReason };
    });
  }

  /** Resolves when the GPU is lost. */
  lost(): Promise<Reply<string>> {
    return reply(async () => (await this.#engine!.device.lost).message);
  }

  /** @param id for `abort`. @param aborted whether the page's signal is aborted already. */
  fit(
    id: number,
    data: Where,
    { validationData, ...options }: PlainFitOptions,
    progress: Calling<NonNullable<Watch["progress"]>> | undefined,
    epoch: Calling<NonNullable<Watch["epoch"]>> | undefined,
    aborted: boolean,
  ): Promise<Reply> {
    return reply(async () => {
      const abort = new AbortController();
      if (aborted) abort.abort();
      this.#trainings.set(id, abort);
      const shown = progress && newest(progress);
      const all: Promise<unknown>[] = [];
      const page = {
        name: "page",
        ...(shown && { onProgress: shown }),
        ...(epoch && { onEpochEnd: (logs: EpochLogs) => void all.push(epoch(logs)) }),
      };
      try {
        return await this.#trainerFor("fit").fit(this.#data(data), {
          ...options,
          ...(validationData !== undefined && { validationData: this.#data(validationData) }),
          signal: abort.signal,
          callbacks: [...(this.#served!.callbacks ?? []), page],
        });
      } finally {
        await Promise.all([shown?.settled(), ...all]);
        this.#trainings.delete(id);
        progress?.[releaseProxy]();
        epoch?.[releaseProxy]();
      }
    });
  }

  abort(id: number): void {
    this.#trainings.get(id)?.abort();
  }

  evaluate(data: Where, options: { readonly batchSize?: number }): Promise<Reply> {
    return reply(() => this.#trainerFor("evaluate").evaluate(this.#data(data), options));
  }

  predict(x: ArrayData | Readonly<Record<string, ArrayData>>, options: PredictOptions): Promise<Reply> {
    return reply(() => this.#trainerFor("predict").predict(x as ArrayData, options), buffersIn);
  }

  save(): Promise<Reply> {
    return reply(() => this.#trainerFor("save").save(), buffersIn);
  }

  load(bytes: Uint8Array, name?: string): Promise<Reply> {
    return reply(async () => this.#trainerFor("load").load(bytes, name));
  }

  weights(): Promise<Reply> {
    const read = async () => {
      const { engine, variables } = this.#trainerFor("weights");
      const all = [...variables].map(
        async ([name, variable]) => [name, { data: await engine.read(variable), shape: variable.shape }] as const,
      );
      return Object.fromEntries(await Promise.all(all));
    };
    return reply(read, buffersIn);
  }

  history(): Promise<Reply> {
    return reply(async () => this.#trainerFor("history").history);
  }

  state(): Promise<Reply> {
    return reply(async () => this.#trainerFor("state").state);
  }

  pause(): Promise<Reply> {
    return reply(() => this.#trainerFor("pause").pause());
  }

  resume(): Promise<Reply> {
    return reply(async () => this.#trainerFor("resume").resume());
  }

  call(name: string, args: readonly unknown[]): Promise<Reply> {
    return reply(
      async () => {
        const { methods = {} } = this.#served!;
        if (!Object.hasOwn(methods, name))
          throw new StateError(`methods: ${noSuch("method", name, Object.keys(methods))}`);
        return methods[name]!(...args);
      },
      (value) => movedOf([value]),
    );
  }

  /** Frees the GPU, where the host is not a worker that ends anyway. */
  close(): void {
    for (const training of this.#trainings.values()) training.abort();
    this.#engine?.destroy();
  }

  /** @param call the page's, for the error. */
  #trainerFor(call: string): Trainer {
    const { trainer } = this.#served!;
    if (!trainer)
      throw new StateError(`${call}: the worker serves no trainer, only methods; return one from its setup`);
    return trainer;
  }

  #data(where: Where): Data {
    if (typeof where !== "string") return where;
    const { data = {} } = this.#served!;
    if (!Object.hasOwn(data, where)) throw new StateError(`data: ${noSuch("data", where, Object.keys(data))}`);
    return data[where]!;
  }
}

/** The result of an act, or its error. @param buffers of the result that move to the caller. */
async function reply<T>(
  act: () => T | Promise<T>,
  buffers: (value: T) => readonly Transferable[] = () => [],
): Promise<Reply<T>> {
  try {
    const value = await act();
    return transfer({ value }, [...buffers(value)]);
  } catch (error) {
    return { error: told(error) };
  }
}

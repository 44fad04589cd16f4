import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { type ConnectOptions, connect, type RemoteTrainer } from "../../src/worker/index.ts";
import type { AnyExposed } from "../../src/worker/served.ts";

/** The training of a page in a worker: what the page shows of it, and calls of the worker, one after the other. */
export function trainingOf<E extends AnyExposed>(startsPlaying: boolean) {
  const playing = signal(startsPlaying);
  /** Whether a training is under way: it may have to come to its end after a pause. */
  const busy = signal(false);
  const remote = signal<RemoteTrainer<E> | undefined>(undefined);
  /** Why there is no network. */
  const missing = signal<Error | undefined>(undefined);
  /** What ended the training. */
  const failure = signal<string | undefined>(undefined);
  const ended = computed(() => failure.value !== undefined);
  let isOpen = (): void => {};
  /** Calls wait until the worker is there: a visitor may be faster. */
  let calls: Promise<unknown> = new Promise<void>((resolve) => {
    isOpen = resolve;
  });

  /** Starts the worker. @returns whether it has a GPU. */
  async function open(start: () => Worker, options: ConnectOptions<E>): Promise<boolean> {
    try {
      remote.value = await connect<E>(start, options);
    } catch (error) {
      missing.value = error as Error;
      return false;
    } finally {
      isOpen();
    }
    void remote.value.lost.then((reason) => fail(`The GPU was lost: ${reason || "the browser gives no reason"}`));
    return true;
  }

  /** Calls the worker when it is free. @returns undefined if the training has ended. */
  function ask<T>(call: (remote: RemoteTrainer<E>) => Promise<T>): Promise<T | undefined> {
    const answer = calls.then(async () => {
      if (!remote.value || ended.value) return undefined;
      try {
        return await call(remote.value);
      } catch (error) {
        fail((error as Error).message);
        return undefined;
      }
    });
    calls = answer;
    return answer;
  }

  function fail(reason: string): void {
    batch(() => {
      failure.value ??= reason;
      playing.value = false;
    });
  }

  /** Trains, unless a training is under way. */
  async function alone(train: () => Promise<void>): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    await train().catch((error: Error) => fail(error.message));
    busy.value = false;
  }

  /** Trains whenever the page plays. @param train returns once it no longer plays. */
  function whilePlaying(train: () => Promise<void>): void {
    effect(() => {
      if (playing.value && !busy.value) void untracked(() => alone(train));
    });
  }

  /** Resolves when the worker has answered all calls so far. */
  const answered = (): Promise<unknown> => calls;

  return { playing, busy, remote, missing, failure, ended, open, ask, answered, fail, alone, whilePlaying };
}

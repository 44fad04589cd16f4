import { checkHas, DeviceError, refuse, StateError } from "../errors.ts";
import type { LiveDevice } from "../gpu/live.ts";
import type { Keeper } from "../runtime/keeper.ts";
import type { Runner } from "../runtime/runner.ts";
import { Events, type RecoveryEvents, type Restored } from "./events.ts";
import { NextDevice } from "./nextDevice.ts";
import { Origins } from "./origins.ts";
import { note, rebuild } from "./rebuild.ts";
import { changesVariables, Snapshots } from "./snapshots.ts";

/** How often to take snapshots, and where the next device comes from. */
export interface RecoverOptions {
  /**
   * Milliseconds between snapshots, at least. Default 5,000, and so many that a snapshot takes no more than 2 % of the
   * time, from its copy until it is safe on the host.
   */
  readonly everyMs?: number;
  /**
   * Opens the next device, for an app that owns the engine's device; called again while it returns nothing or rejects.
   * Default: a device like the first one, from the same `gpu`. Or hand it over with `resume`.
   */
  readonly device?: () => Promise<GPUDevice | undefined>;
  /** Ends all waiting for a new device; the engine then stays lost. Default none. */
  readonly signal?: AbortSignal;
}

/** Milliseconds between snapshots by default, and what part of the time they may take. */
const [defaultMs, share] = [5000, 0.02];

/** Losses in a row, each soon after the one before and without a snapshot in between, after which there is no sense in more. */
const mostLosses = 10;
const soonAfterMs = 60_000;

const advice = "; it is being replaced: await restored() of the engine's recovery";

/** What brings an engine to a new device when its own is lost. Made by `recover`. */
export class Recovery<P = unknown> extends Events<RecoveryEvents<P>> {
  readonly #runner: Runner;
  readonly #options: RecoverOptions;
  readonly #snapshots: Snapshots<P>;
  readonly #origins = new Origins();
  readonly #next: NextDevice;
  /** Resolves when the engine runs again. */
  #recovering: Promise<Restored<P>> | undefined;
  #last: Restored<P>;
  #ended = false;
  /** Whether the app marks its steps, or a loop of ours does. */
  #marks = false;
  #isInLoop = false;
  #takenAt = performance.now();
  #cost = 0;
  /** Losses since the last snapshot, and when the last one was. */
  #losses = 0;
  #lostAt = 0;

  /** @internal */
  constructor(runner: Runner, options: RecoverOptions) {
    super();
    this.#runner = runner;
    this.#options = options;
    this.#snapshots = new Snapshots(runner);
    this.#next = new NextDevice(runner, options.device);
    this.#last = { position: undefined, adapter: runner.adapter, failed: [] };
    runner.keeper = this.#keeper;
    this.#watch(runner.live);
    options.signal?.addEventListener("abort", () => {
      runner.live.advice = "";
      this.#next.wake();
    });
    if (this.#snapshots.isDue) this.#takeLater(undefined);
  }

  /** The app's position at the last complete snapshot. */
  get position(): P | undefined {
    return this.#snapshots.position;
  }

  /**
   * Marks a point between two steps that the app can return to, and takes a snapshot there when one is due. Costs
   * nothing otherwise. An app that marks its steps gets snapshots only at marks; without marks, they are taken between
   * any two runs, and have no position.
   * @param position where the app is, as plain data: epoch, batch, losses so far. It is copied.
   * @throws DeviceLostError as every call, while the engine has no device.
   */
  mark(position: P): void {
    this.#runner.check();
    this.#marks = true;
    const copy = () => copied("mark", position);
    this.#snapshots.moved(copy);
    if (this.#isTime) this.#takeLater(copy());
  }

  /**
   * Takes a snapshot now: of all variables, after everything submitted so far.
   * @param position as for `mark`; default that of the last snapshot if nothing has run since, else none.
   * @returns resolves when it is safe on the host.
   * @throws LimitError when there is no memory for it, DeviceLostError when the device is lost first.
   */
  async snapshot(position?: P): Promise<void> {
    this.#runner.check();
    const copy = () => copied("snapshot", position as P);
    if (position !== undefined) this.#snapshots.moved(copy);
    await this.#take(position === undefined ? undefined : copy());
  }

  /**
   * Resolves when the engine has a device and everything on it; at once if it is not lost. After a loss, every call of
   * engine and programs rejects with a DeviceLostError until this has resolved, so that nobody goes on by accident with
   * older weights.
   * @returns where to go on.
   * @throws DeviceError when the engine is destroyed or the recovery given up.
   */
  async restored(): Promise<Restored<P>> {
    while (this.#recovering) await this.#recovering;
    if (!this.#ended) this.#runner.fault = undefined;
    this.#runner.check();
    return this.#last;
  }

  /**
   * Calls `body`, and again after each loss, with the position that the variables went back to.
   * @param body a training that begins at the given position: undefined at first, and if no snapshot was taken. It marks
   * its steps, and must not leave anything running when it rejects. What needs its result, such as saving, belongs in it.
   * @returns what `body` returns.
   */
  async retry<T>(body: (position: P | undefined) => T | Promise<T>): Promise<T> {
    if (typeof body !== "function") refuse("retry", "the argument", body, "a function");
    for (let position: P | undefined; ; position = (await this.restored()).position) {
      try {
        const result = await body(position);
        if (!this.#isLost) return result;
      } catch (error) {
        if (!this.#isLossOf(error)) throw error;
      }
    }
  }

  /**
   * Hands over the app's next device. It is used when the present one is lost, or at once if it is.
   * @param device one that nothing else has to keep alive; the engine never destroys it.
   */
  resume(device: GPUDevice): void {
    if (device === undefined) refuse("resume", "the argument", device, "a GPUDevice");
    checkHas("resume", "the argument", device, "createBuffer", "a GPUDevice");
    this.#next.hand(device);
  }

  get #isLost(): boolean {
    return !this.#ended && Boolean(this.#runner.fault ?? this.#runner.live.fault);
  }

  /** Whether a call was rejected because this engine's device is lost: then `restored` tells how it goes on, or why not. */
  #isLossOf(error: unknown): boolean {
    return (this.#isLost || this.#ended) && (error as Error | undefined)?.name === "DeviceLostError";
  }

  get #isTime(): boolean {
    const { everyMs = Math.max(defaultMs, this.#cost / share) } = this.#options;
    return performance.now() - this.#takenAt >= everyMs && this.#snapshots.isDue;
  }

  readonly #keeper: Keeper = {
    wrote: (arena, offset, bytes) => this.#snapshots.wrote(arena, offset, bytes),
    began: (calls) => {
      if (!changesVariables(calls)) return;
      if (!this.#marks && !this.#isInLoop && this.#isTime) this.#takeLater(undefined);
      this.#snapshots.began();
    },
    fed: (role, buffer) => this.#origins.check(role, buffer),
    ended: () => {
      this.#ended = true;
      this.#next.wake();
    },
    begin: async (position) => {
      this.#isInLoop = true;
      if (this.#snapshots.moved(() => position as P)) return;
      await this.#take(position as P).catch((error) => {
        if (error.name === "DeviceLostError") throw error;
        this.#tell(error);
      });
    },
    left: () => {
      this.#isInLoop = false;
    },
    mark: (position) => {
      if (this.#isTime) this.#takeLater(position() as P);
    },
    recovered: async (error) => (this.#isLossOf(error) ? this.restored() : undefined),
  };

  async #take(position: P | undefined | Promise<P>): Promise<void> {
    const start = performance.now();
    this.#takenAt = start;
    const bytes = await this.#snapshots.take(position);
    this.#cost = performance.now() - start;
    this.#losses = 0;
    this.emit("snapshot", { position: this.position, bytes, ms: this.#cost });
  }

  #takeLater(position: P | undefined | Promise<P>): void {
    this.#take(position).catch((error) => this.#tell(error));
  }

  /** Tells of a snapshot that failed. A loss has its own event. */
  #tell(error: Error): void {
    if (!this.#ended && error.name !== "DeviceLostError") this.emit("snapshotfailed", { error });
  }

  get #isGivenUp(): boolean {
    return this.#ended || this.#options.signal?.aborted === true;
  }

  #watch(live: LiveDevice): void {
    live.advice = this.#isGivenUp ? "" : advice;
    void live.device.lost.then((info) => {
      if (this.#isGivenUp) return;
      // Not at once: those who hear of the loss may ask for the recovery.
      const recovering = Promise.resolve().then(() => this.#recover(info));
      const done = () => {
        if (this.#recovering === recovering) this.#recovering = undefined;
      };
      this.#recovering = recovering;
      recovering.then(done, done);
    });
  }

  async #recover({ reason, message }: GPUDeviceLostInfo): Promise<Restored<P>> {
    const runner = this.#runner;
    runner.fault = runner.live.fault;
    note(runner);
    this.#origins.age(runner);
    this.emit("lost", { reason, message });
    this.#losses = performance.now() - this.#lostAt < soonAfterMs ? this.#losses + 1 : 1;
    this.#lostAt = performance.now();
    if (this.#losses > mostLosses)
      throw this.#giveUp(new DeviceError(`it was lost ${this.#losses} times without a snapshot in between`));
    for (let attempt = 1; ; attempt++) {
      try {
        const failed = await rebuild(runner, await this.#next.open(), advice, () => this.#snapshots.restore());
        this.#takenAt = performance.now();
        this.#watch(runner.live);
        this.#last = { position: this.position, adapter: runner.adapter, failed };
        break;
      } catch (error) {
        if (this.#options.signal?.aborted || error instanceof StateError) throw this.#giveUp(error as Error);
        if (!this.#ended) await this.#wait(attempt, (error as Error).message);
      }
      if (this.#ended) throw runner.fault;
    }
    this.emit("restored", this.#last);
    return this.#last;
  }

  #wait(attempt: number, reason: string): Promise<void> {
    const tell = (retryMs: number | undefined) =>
      this.emit("waiting", { attempt, reason, ...(retryMs !== undefined && { retryMs }) });
    return this.#next.wait(attempt, tell, () => this.#isGivenUp);
  }

  #giveUp(cause: Error): Error {
    const reason = this.#options.signal?.aborted ? this.#options.signal.reason : cause;
    const error = new DeviceError(`the GPU device was lost, and its recovery given up: ${reason?.message ?? reason}`, {
      cause,
    });
    this.#runner.fault = error;
    this.#ended = true;
    this.emit("failed", { error });
    return error;
  }
}

function copied<P>(call: string, position: P): P {
  try {
    return structuredClone(position);
  } catch {
    return refuse(call, "the position", position, "plain data, which structuredClone copies");
  }
}

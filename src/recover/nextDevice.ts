import { DeviceError } from "../errors.ts";
import { type OpenDevice, openDevice } from "../gpu/device.ts";
import type { Runner } from "../runtime/runner.ts";

/** Milliseconds from one attempt to get a device to the next: the first time, and at most. */
const [soonMs, lateMs] = [100, 5000];

/** Where a runner's next device comes from: the app, or the GPU that gave the first one. */
export class NextDevice {
  readonly #runner: Runner;
  readonly #ask: (() => Promise<GPUDevice | undefined>) | undefined;
  /** A device that the app has handed over, for the next loss. */
  #handed: GPUDevice | undefined;
  #wake = (): void => {};

  /** @param ask asks the app for a device. */
  constructor(runner: Runner, ask: (() => Promise<GPUDevice | undefined>) | undefined) {
    this.#runner = runner;
    this.#ask = ask;
  }

  /** Takes a device from the app. */
  hand(device: GPUDevice): void {
    this.#handed = device;
    this.wake();
  }

  /** Ends the wait for a device. */
  wake(): void {
    this.#wake();
  }

  /** @throws DeviceError where there is none yet. */
  async open(): Promise<OpenDevice> {
    const { gpu, backend, powerPreference, threads, device: owned } = this.#runner.live.open.options;
    const device = this.#handed ?? (await this.#ask?.());
    this.#handed = undefined;
    if (device) return openDevice({ device });
    if (this.#ask) throw new DeviceError("the app has no new device yet");
    if (owned) throw new DeviceError("the app owns the device: hand over its next one with resume(device)");
    return openDevice({
      ...(gpu && { gpu }),
      ...(backend && { backend }),
      ...(powerPreference && { powerPreference }),
      ...(threads && { threads }),
    });
  }

  /**
   * Waits until another attempt makes sense.
   * @param attempt how many there were. @param tell is called with the milliseconds until the next one; `undefined` where
   * the app has to hand a device over. @param over whether to wait at all, asked afterwards.
   */
  wait(attempt: number, tell: (retryMs: number | undefined) => void, over: () => boolean): Promise<void> {
    const isByHand = this.#runner.live.open.options.device !== undefined && !this.#ask;
    const retryMs = isByHand ? undefined : Math.min(lateMs, soonMs * 2 ** (attempt - 1));
    const waiting = new Promise<void>((resolve) => {
      const timer = retryMs === undefined ? undefined : setTimeout(resolve, retryMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    tell(retryMs);
    if (this.#handed || over()) this.wake();
    return waiting;
  }
}

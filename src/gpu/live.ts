import { DeviceError, DeviceLostError, TilegradError } from "../errors.ts";
import type { OpenDevice } from "./device.ts";
import { PipelineCache } from "./pipelines.ts";
import { type Place, Readback } from "./readback.ts";
import { Throttle } from "./throttle.ts";

/** Milliseconds to wait for the report of a lost device after an error it may have caused. */
const newsMs = 500;

/**
 * A device in use, with what exists only as long as it does: kernels, staging buffers, and the news of its end. Whoever
 * waits for it holds on to this object, and so learns of the end of this device and no other.
 */
export class LiveDevice {
  readonly open: OpenDevice;
  readonly device: GPUDevice;
  readonly throttle: Throttle;
  readonly pipelines: PipelineCache;
  readonly readback: Readback;
  /** Why it can no longer be used. */
  fault: DeviceError | undefined;
  /** Number of device errors that nobody has caught. */
  errors = 0;
  /** What to do after a loss, as the end of its message. */
  advice = "";
  /** Called when the device is lost or given up. */
  readonly #waits = new Set<(fault: DeviceError) => void>();

  constructor(open: OpenDevice) {
    const { device } = open;
    this.open = open;
    this.device = device;
    this.throttle = new Throttle(device.queue);
    this.pipelines = new PipelineCache(device);
    this.readback = new Readback(device);
    device.lost.then(({ reason, message }) => {
      const why = `the GPU device was lost (${reason}): ${message || "no reason given"}`;
      this.#end(new DeviceLostError(why + this.advice));
    });
    device.addEventListener("uncapturederror", this.#onError);
  }

  /** Uncaught errors stay the app's, in its console; programs only check whether they caused them. */
  readonly #onError = (): void => {
    this.errors++;
  };

  #end(fault: DeviceError): void {
    this.fault ??= fault;
    for (const tell of this.#waits) tell(this.fault);
  }

  /** @throws DeviceError when the device is lost or given up. */
  check(): void {
    if (this.fault) throw this.fault;
  }

  /** Awaits something from the GPU. Rejects at once when the device is lost or given up in the meantime. */
  async until<T>(awaited: Promise<T>): Promise<T> {
    let tell: (fault: DeviceError) => void = () => {};
    const end = new Promise<never>((_, reject) => {
      tell = reject;
      this.#waits.add(tell);
    });
    try {
      return await Promise.race([awaited, end]);
    } catch (error) {
      throw await this.#causeOf(error);
    } finally {
      this.#waits.delete(tell);
    }
  }

  /** Calls cut off by a lost device fail before the loss is reported, so wait for that report. */
  async #causeOf(error: unknown): Promise<unknown> {
    const cutOff = error instanceof TilegradError ? error.cause : error;
    if (this.fault || !cutOff || (cutOff as GPUPipelineError).reason === "validation") return this.fault ?? error;
    await new Promise<unknown>((resolve) => {
      this.#waits.add(resolve);
      setTimeout(() => resolve(this.#waits.delete(resolve)), newsMs);
    });
    if (this.fault) return this.fault;
    return error instanceof TilegradError ? error : new DeviceError((error as Error).message, { cause: error });
  }

  /** The bytes of several places, read after the commands of `encoder`. */
  async readBytes(places: readonly Place[], encoder?: GPUCommandEncoder): Promise<ArrayBuffer[]> {
    try {
      const data = await this.readback.read(places, encoder);
      this.check();
      return data;
    } catch (error) {
      throw await this.#causeOf(error);
    }
  }

  /** Gives the device up, and destroys it if tilegrad opened it. Pending waits reject. */
  close(fault: DeviceError): void {
    this.#end(fault);
    this.device.removeEventListener("uncapturederror", this.#onError);
    this.readback.destroy();
    if (this.open.owned) this.device.destroy();
  }
}

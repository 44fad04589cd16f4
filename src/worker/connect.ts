import { type Remote, wrap } from "comlink";
import { checkNumber, DeviceError, optionsOf, refuse } from "../errors.ts";
import { hardwareHere } from "../gpu/adapter.ts";
import { ended } from "./alive.ts";
import type { Ready } from "./expose.ts";
import type { Host } from "./host.ts";
import { type Line, RemoteTrainer } from "./remote.ts";
import type { AnyExposed, GivenOf } from "./served.ts";

/** What a page gives to its worker, and hears of it. */
export interface ConnectOptions<E extends AnyExposed> {
  /** For the worker's setup: plain data and arrays, copied, or moved if marked with `moved`. Default none. */
  readonly given?: GivenOf<E>;
  /** Called with each message that the setup sends by `tell`; default none. */
  readonly onMessage?: (message: unknown) => void;
  /**
   * Imports the worker's file into the page, `() => import("./training.worker.ts")`: for browsers whose workers have no
   * WebGPU, though pages have it. Without it, the worker computes with WebAssembly there, and where its engine must have
   * WebGPU, `connect` fails.
   */
  readonly inPage?: () => Promise<{ readonly default: E }>;
  /** Milliseconds for the worker's file to load and to call `expose`; default 30 000. The setup may take longer. */
  readonly timeoutMs?: number;
}

/**
 * Starts a worker whose file calls `expose`, and returns its trainer as if it were here.
 *
 * ```ts
 * const remote = await connect<typeof import("./training.worker.ts").default>(
 *   () => new Worker(new URL("./training.worker.ts", import.meta.url), { type: "module" }),
 *   { inPage: () => import("./training.worker.ts") },
 * );
 * const history = await remote.fit("train", { epochs: 10, onProgress: ({ logs }) => console.log(logs.loss) });
 * ```
 *
 * @param start starts the worker.
 * @throws DeviceError where the engine must have WebGPU and neither worker nor page has it, or where the worker does not
 * start within `timeoutMs`; and whatever the setup throws.
 */
export async function connect<E extends AnyExposed>(
  start: () => Worker,
  options: ConnectOptions<E> = {},
): Promise<RemoteTrainer<E>> {
  if (typeof start !== "function") refuse("connect", "the first argument", start, "() => new Worker(…)");
  const { given, onMessage, inPage, timeoutMs } = optionsOf("connect", options, {
    given: undefined,
    onMessage: undefined,
    inPage: undefined,
    timeoutMs: 30_000,
  }) as ConnectOptions<E> & { readonly timeoutMs: number };
  for (const [name, value] of Object.entries({ onMessage, inPage }))
    if (value !== undefined && typeof value !== "function") refuse("connect", name, value, "a function");
  const most = 2 ** 31 - 1; // What timers count.
  checkNumber("connect", "timeoutMs", timeoutMs, `a number of milliseconds up to ${most}`, (n) => n > 0 && n <= most);
  const line = await lineTo(start, inPage, timeoutMs);
  try {
    return await RemoteTrainer.open<E>(line, given, (message) => onMessage?.(message));
  } catch (error) {
    line.cut();
    throw error;
  }
}

/** The way to a host: in a worker if possible. */
async function lineTo(
  start: () => Worker,
  inPage: ConnectOptions<AnyExposed>["inPage"],
  timeoutMs: number,
): Promise<Line> {
  let reason = "there are no workers here";
  if (typeof Worker === "function") {
    const worker = start();
    const { missing, mayDoWithout, lock } = await ready(worker, timeoutMs).catch((error) => {
      worker.terminate();
      throw error;
    });
    if (missing === undefined || (mayDoWithout && !(inPage && (await hardwareHere())))) {
      const host = wrap<Host>(worker) as Remote<Host>;
      return { host, reason: undefined, ended: ended(lock), cut: () => worker.terminate() };
    }
    worker.terminate();
    reason = missing;
  }
  if (!inPage) throw new DeviceError(`connect: ${reason}; pass inPage to train in the page instead`);
  // Only here does a page need an engine of its own.
  const [{ default: exposed }, { serveHere }] = await Promise.all([inPage(), import("./here.ts")]);
  return { ...serveHere(exposed), reason, ended: new Promise(() => {}) };
}

/** What a browser does not say of a worker whose file it refuses. */
function whyNot(): string {
  const policy = "does the page's Content-Security-Policy allow worker-src 'self'?";
  return globalThis.crossOriginIsolated
    ? `is its address right, does its file come with the header Cross-Origin-Embedder-Policy: require-corp, as an isolated page needs, and ${policy}`
    : `is its address right, and ${policy}`;
}

/** Waits until a worker's file has run. @returns what it says. */
function ready(worker: Worker, timeoutMs: number): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const { signal } = listening;
    const timer = setTimeout(() => {
      listening.abort();
      reject(
        new DeviceError(
          `connect: the worker did not start within ${timeoutMs} ms: does its file call expose at the top level, and not close itself? If it loads slowly, raise timeoutMs`,
        ),
      );
    }, timeoutMs);
    signal.addEventListener("abort", () => clearTimeout(timer));
    worker.addEventListener(
      "message",
      ({ data }: MessageEvent<Ready | undefined>) => {
        if (data?.tilegrad !== "ready") return;
        listening.abort();
        resolve(data);
      },
      { signal },
    );
    worker.addEventListener(
      "error",
      ({ message }: ErrorEvent) => {
        listening.abort();
        reject(new DeviceError(`connect: the worker did not start: ${message || whyNot()}`));
      },
      { signal },
    );
  });
}

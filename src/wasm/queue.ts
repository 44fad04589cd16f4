import type { Buffer } from "./buffer.ts";

/** Something to do, which may stop after a while. @returns whether it has ended. */
export type Command = (until: number) => boolean;

/** Milliseconds after which a page gets its turn. A frame has 16. */
const sliceMs = 8;

/**
 * Runs commands in order, at once where there is time: a short step has ended when `submit` returns. After some
 * milliseconds, the rest waits for its turn among the page's other work.
 */
export class Queue {
  /** It runs in this process: nobody must ask whether its work is done. */
  readonly isOwn = true;
  readonly #waiting: Command[] = [];
  /** When the present slice must end; 0 before one begins. */
  #until = 0;
  #scheduled = false;
  readonly #failed: (filter: "internal" | "validation", error: Error) => void;

  /** @param failed takes what commands throw, and calls that do not fit. */
  constructor(failed: (filter: "internal" | "validation", error: Error) => void) {
    this.#failed = failed;
  }

  submit(encoded: Iterable<{ readonly commands: readonly Command[] }>): void {
    for (const { commands } of encoded) this.#waiting.push(...commands);
    this.#go();
  }

  writeBuffer(buffer: Buffer, offset: number, data: ArrayBuffer | ArrayBufferView, from = 0, count?: number): void {
    const view = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
    // `from` and `count` are elements of a typed array.
    const width = "BYTES_PER_ELEMENT" in view ? (view as Uint8Array).BYTES_PER_ELEMENT : 1;
    const length = count === undefined ? view.byteLength - from * width : count * width;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + from * width, length);
    if (offset + length > buffer.size) {
      this.#failed("validation", new Error(`${length} bytes at ${offset} do not fit a buffer of ${buffer.size}`));
      return;
    }
    if (this.#waiting.length === 0) {
      buffer.bytes.set(bytes, offset);
      return;
    }
    const copy = bytes.slice();
    this.#waiting.push(() => {
      buffer.bytes.set(copy, offset);
      return true;
    });
  }

  /** Resolves once everything so far has run. */
  onSubmittedWorkDone(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    const { promise, resolve } = withResolvers();
    this.#waiting.push(() => {
      resolve();
      return true;
    });
    this.#schedule();
    return promise;
  }

  #go(): void {
    if (this.#scheduled && performance.now() >= this.#until) return;
    if (this.#until === 0) {
      this.#until = performance.now() + sliceMs;
      // Whatever follows in this turn shares its time.
      this.#schedule();
    }
    while (this.#waiting.length > 0) {
      let isDone = true;
      try {
        isDone = this.#waiting[0]!(this.#until);
      } catch (error) {
        this.#failed("internal", error as Error);
      }
      if (isDone) this.#waiting.shift();
      if (performance.now() >= this.#until) break;
    }
    if (this.#waiting.length > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    later(() => {
      this.#scheduled = false;
      this.#until = 0;
      if (this.#waiting.length > 0) this.#go();
    });
  }
}

function withResolvers() {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

let port: MessagePort | undefined;
const due: (() => void)[] = [];

/** Calls a function after the page's other work, without the delay of timers. */
function later(run: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => void };
  if (setImmediate) {
    setImmediate(run);
    return;
  }
  if (!port) {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => due.shift()?.();
    port = channel.port2;
  }
  due.push(run);
  port.postMessage(undefined);
}

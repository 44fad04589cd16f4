/** How often Chrome polls on its own. A wait of about this length may have ended long before Chrome noticed. */
const periodMs = 2;

/** Milliseconds between nudges, early in a wait and later. Browser timers are no finer. */
const [youngMs, oldMs] = [0.4, 4];

/**
 * Shortens waits for the GPU. A browser checks for finished work when a command reaches its GPU process, and otherwise
 * on a timer: Chrome every 2 ms (`kHandleMoreWorkPeriod` in its command_buffer_stub.cc), Firefox every 100 ms (its bug
 * 1870699). So this sends empty submits until the wait is over. Outside of browsers, and with WebAssembly, it does
 * nothing: results arrive as soon as they are ready.
 */
export class Nudge {
  readonly #queue: Pick<GPUQueue, "submit">;
  readonly #isNeeded: boolean;
  #newest = 0;
  #lastWasShort = true;

  /** @param queue `isOwn` tells that it runs in this process, and knows itself when its work is done. */
  constructor(
    queue: Pick<GPUQueue, "submit"> & { readonly isOwn?: boolean },
    inBrowser = "document" in globalThis || "WorkerGlobalScope" in globalThis,
  ) {
    this.#queue = queue;
    this.#isNeeded = inBrowser && !queue.isOwn;
  }

  /**
   * Resolves as `awaited` does, but sooner.
   * @param urgent whether the caller needs the result at once; otherwise it nudges every 4 ms.
   */
  async until<T>(awaited: Promise<T>, urgent = true): Promise<T> {
    if (!this.#isNeeded) return awaited;
    const start = performance.now();
    const mine = ++this.#newest;
    let over = false;
    // Work ends in submission order, so nudges for the newest wait also serve older ones.
    void this.#nudge(start, urgent, () => over || mine !== this.#newest);
    try {
      return await awaited;
    } finally {
      over = true;
      this.#lastWasShort = performance.now() - start < 1.5 * periodMs;
    }
  }

  async #nudge(start: number, urgent: boolean, isOver: () => boolean): Promise<void> {
    // Message ports are finer than timers, but use CPU time, so use them only where a short wait is likely.
    const youngUntil = urgent && this.#lastWasShort ? start + periodMs : start;
    const turns = youngUntil > start ? new MessageChannel() : undefined;
    for (let [now, last] = [start, start]; !isOver(); now = performance.now()) {
      if (now - last >= youngMs) {
        this.#queue.submit([]);
        last = now;
      }
      await new Promise((resolve) => {
        if (turns && now < youngUntil) {
          turns.port1.onmessage = resolve;
          turns.port2.postMessage(0);
        } else setTimeout(resolve, oldMs);
      });
    }
    turns?.port1.close();
  }
}

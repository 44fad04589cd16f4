/** How often Chrome looks by itself: a wait that took about as long may have been over long before. */
const periodMs = 2;

/** Between two nudges while a wait is young, and later: timers of browsers are no finer. */
const [youngMs, oldMs] = [0.4, 4];

/**
 * Shortens waits for the GPU. A browser looks whether work is done when a command reaches its GPU process, and otherwise by the
 * clock: Chrome every 2 ms (`kHandleMoreWorkPeriod` in its command_buffer_stub.cc), Firefox every 100 ms (its bug 1870699). So
 * commands that do nothing, empty submits, go with a wait until it is over. Outside of browsers this changes nothing: results
 * come there when they are ready.
 */
export class Nudge {
  readonly #queue: Pick<GPUQueue, "submit">;
  readonly #inBrowser: boolean;
  #newest = 0;
  #lastWasShort = true;

  constructor(
    queue: Pick<GPUQueue, "submit">,
    inBrowser = "document" in globalThis || "WorkerGlobalScope" in globalThis,
  ) {
    this.#queue = queue;
    this.#inBrowser = inBrowser;
  }

  /**
   * What `awaited` gives, sooner.
   * @param urgent whether somebody waits for the very moment; otherwise there are nudges every 4 ms.
   */
  async until<T>(awaited: Promise<T>, urgent = true): Promise<T> {
    if (!this.#inBrowser) return awaited;
    const start = performance.now();
    const mine = ++this.#newest;
    let over = false;
    // Work ends in the order in which it was submitted: nudges for the newest wait serve those before it.
    void this.#nudge(start, urgent, () => over || mine !== this.#newest);
    try {
      return await awaited;
    } finally {
      over = true;
      this.#lastWasShort = performance.now() - start < 1.5 * periodMs;
    }
  }

  async #nudge(start: number, urgent: boolean, isOver: () => boolean): Promise<void> {
    // Taking turns with the page's other tasks is finer than timers, but takes the processor's time: only where it may pay.
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

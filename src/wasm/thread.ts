/*
 * How threads share a dispatch.
 *
 * Workgroups are independent, so threads take pieces of a dispatch from a counter until none is left. The device's thread
 * opens a dispatch, takes pieces like the others, and closes it. All that others need to know lies in the first words of
 * the shared memory, so that no dispatch costs a message:
 *
 * 1. The device's thread writes the dispatch down, sets `next` to 0, which opens it, and adds 1 to `opened`. Threads that
 *    sleep wait for that word; threads that have just worked read it again and again for a moment, which is faster.
 * 2. A thread adds 1 to `inside`, and looks whether the dispatch is open. If so, it does not change until the thread
 *    leaves. It adds `size` to `next`, runs the workgroups between, and goes on until `next` has passed `end`. Then it
 *    subtracts 1 from `inside`.
 * 3. Once the device's thread finds no piece either, it sets `next` to `closed`, so that nobody new takes a piece, and waits
 *    until nobody is inside. Now all results are in memory.
 *
 * Kernels come as messages, and so does word of those that are gone. A thread hears them only while it has nothing else to
 * do, so `posted` says how many there are: a thread that has heard fewer ends its loop, hears them, and returns. Until then
 * it takes no part.
 */

/** Numbers of words. Those that threads wait for have a cache line of their own. */
export const words = {
  /** Dispatches opened so far, and messages posted. */
  opened: 0,
  /** Threads that sleep until `opened` changes. */
  sleeping: 1,
  /** Messages posted so far. */
  posted: 2,
  /** The first workgroup along the axis that nobody has taken, or `closed` or more. */
  next: 16,
  /** Threads that may take pieces. */
  inside: 32,
  /** Whether the device's thread sleeps until `inside` changes. */
  awaited: 33,
  /** Whether a thread failed. */
  failed: 34,
  /** The dispatch: its kernel by number, workgroups along the axis and in a piece, which argument is a piece's begin. */
  kernel: 48,
  end: 49,
  size: 50,
  axis: 51,
  /** Arguments of the kernel, as compileKernel says, and their number. */
  count: 52,
  args: 53,
  /** Number of words. */
  all: 128,
  /** Value of `next` between dispatches. Threads that come late add to it. */
  closed: 2 ** 30,
  /** Milliseconds that a thread looks for the next dispatch before it sleeps. */
  patience: 0.05,
} as const;

/** A kernel for a thread, and the memory on which it works. */
export interface Posted {
  readonly number: number;
  /** Undefined for a kernel that nobody uses any more. */
  readonly module?: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Where the thread has memory for arrays of functions. */
  readonly stack: number;
}

/**
 * What a worker runs. It is sent to workers as text, so it uses nothing from outside, and has no function with a name
 * within: some compilers would mark that with a function of their own.
 * @param w `words`.
 * @param listen calls a function with every message.
 */
export function thread(w: typeof words, listen: (hear: (message: Posted) => void) => void): void {
  const kernels = new Map<number, (...args: number[]) => void>();
  let heard = 0;
  listen(({ number, module, memory, stack }) => {
    const shared = new Int32Array(memory.buffer, 0, w.all);
    const host = { memory, stack: new WebAssembly.Global({ value: "i32" }, stack) };
    if (module) kernels.set(number, new WebAssembly.Instance(module, { host }).exports["run"] as () => void);
    else kernels.delete(number);
    heard++;
    while (heard === Atomics.load(shared, w.posted)) {
      const seen = Atomics.load(shared, w.opened);
      Atomics.add(shared, w.inside, 1);
      const isOpen = Atomics.load(shared, w.next) < w.closed;
      const run = isOpen ? kernels.get(shared[w.kernel]!) : undefined;
      if (run) {
        const args = [...shared.subarray(w.args, w.args + shared[w.count]!)];
        const [axis, end] = [shared[w.axis]!, shared[w.end]!];
        try {
          while (true) {
            const size = Atomics.load(shared, w.size);
            const at = Atomics.add(shared, w.next, size);
            if (at >= end) break;
            args[axis] = at;
            args[axis + 1] = Math.min(end, at + size);
            run(...args);
          }
        } catch {
          Atomics.store(shared, w.failed, 1);
          Atomics.store(shared, w.next, w.closed);
        }
      }
      Atomics.sub(shared, w.inside, 1);
      if (Atomics.load(shared, w.awaited)) Atomics.notify(shared, w.inside);
      const start = performance.now();
      while (Atomics.load(shared, w.opened) === seen) {
        if (performance.now() - start < w.patience) continue;
        Atomics.add(shared, w.sleeping, 1);
        Atomics.wait(shared, w.opened, seen);
        Atomics.sub(shared, w.sleeping, 1);
      }
    }
  });
}

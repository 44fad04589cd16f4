import { type Posted, thread, words } from "./thread.ts";

/** How many threads are used unless somebody says it: one for each core, up to eight. */
export function usualThreads(): number {
  const cores = processModule("node:os")?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.min(8, cores);
}

/** Whether workers may see the same memory: a page must be isolated from others for that. */
export const isShareable = (): boolean => globalThis.crossOriginIsolated ?? typeof SharedArrayBuffer === "function";

/** Threads of one device beside its own. They start with the first kernel that is worth it. */
export class Threads {
  readonly #memory: WebAssembly.Memory;
  readonly #words: Int32Array;
  /** Where threads have memory for arrays of functions. */
  readonly #stacks: readonly number[];
  /** Numbers of kernels. Threads drop a kernel once the device's own has. */
  readonly #numbers = new WeakMap<WebAssembly.Module, number>();
  readonly #dropped = new FinalizationRegistry((number: number) => this.#post(number));
  #kernels = 0;
  #maySleep = true;
  #workers: Thread[] | undefined;
  #isOpen = false;
  #isEnded = false;

  constructor(memory: WebAssembly.Memory, stacks: readonly number[]) {
    this.#memory = memory;
    this.#stacks = stacks;
    this.#words = new Int32Array(memory.buffer, 0, words.all);
    this.#words[words.next] = words.closed;
  }

  /** How many take part, with the device's own: fewer than planned where workers do not start. */
  get count(): number {
    return 1 + (this.#workers ?? this.#stacks).length;
  }

  /** Whether all others look for a dispatch at this moment. */
  get areAwake(): boolean {
    return this.#workers !== undefined && this.#words[words.sleeping] === 0;
  }

  /**
   * Lets threads take pieces of a dispatch.
   * @param args of the kernel; those at `axis` and behind it become begin and end of each piece.
   */
  open(kernel: WebAssembly.Module, args: readonly number[], axis: number, end: number, size: number): void {
    const shared = this.#words;
    shared[words.kernel] = this.#numberOf(kernel);
    shared[words.end] = end;
    shared[words.axis] = axis;
    shared[words.count] = args.length;
    shared.set(args, words.args);
    Atomics.store(shared, words.size, size);
    Atomics.store(shared, words.next, 0);
    this.#isOpen = true;
    this.#wake();
  }

  /** Takes a piece. @returns its first workgroup, past the end if there is none. */
  take(size: number): number {
    Atomics.store(this.#words, words.size, size);
    return Atomics.add(this.#words, words.next, size);
  }

  /**
   * Lets nobody take another piece, and waits until all that are taken have ended.
   * @returns false where this takes longer than `ms`; then call it again.
   * @throws Error where a thread failed.
   */
  close(ms: number): boolean {
    const shared = this.#words;
    Atomics.store(shared, words.next, words.closed);
    const start = performance.now();
    for (let inside = 1; inside > 0; ) {
      inside = Atomics.load(shared, words.inside);
      const rest = ms - (performance.now() - start);
      if (inside > 0 && rest < 0) return false;
      if (inside > 0 && rest < ms - words.patience) this.#sleep(inside, rest);
    }
    this.#isOpen = false;
    if (this.#isEnded) this.#terminate();
    if (Atomics.exchange(shared, words.failed, 0)) throw new Error("a kernel failed in a thread");
    return true;
  }

  /** Ends the threads, once they have ended what they are at. */
  end(): void {
    this.#isEnded = true;
    if (!this.#isOpen) this.#terminate();
  }

  #terminate(): void {
    for (const { worker } of this.#workers ?? []) worker.terminate();
    this.#workers = [];
  }

  /** Waits until a thread leaves. A page's own thread may not sleep: it goes on looking. */
  #sleep(inside: number, ms: number): void {
    if (!this.#maySleep) return;
    Atomics.store(this.#words, words.awaited, 1);
    try {
      Atomics.wait(this.#words, words.inside, inside, ms);
    } catch {
      this.#maySleep = false;
    }
    Atomics.store(this.#words, words.awaited, 0);
  }

  #wake(): void {
    Atomics.add(this.#words, words.opened, 1);
    if (Atomics.load(this.#words, words.sleeping) > 0) Atomics.notify(this.#words, words.opened);
  }

  /** The number by which threads know a kernel. They get it where it is new. */
  #numberOf(module: WebAssembly.Module): number {
    const known = this.#numbers.get(module);
    if (known !== undefined) return known;
    this.#workers ??= this.#stacks.flatMap((stack) => this.#started(stack) ?? []);
    const number = this.#kernels++;
    this.#numbers.set(module, number);
    this.#dropped.register(module, number);
    this.#post(number, module);
    return number;
  }

  #post(number: number, module?: WebAssembly.Module): void {
    Atomics.add(this.#words, words.posted, 1);
    for (const { worker, stack } of this.#workers ?? [])
      worker.postMessage({ number, memory: this.#memory, stack, ...(module && { module }) });
    this.#wake();
  }

  /** A worker. Where it does not start, or ends by an error, the others go on without it. */
  #started(stack: number): Thread | undefined {
    const worker = startWorker(() => {
      this.#workers = this.#workers?.filter((each) => each.worker !== worker);
      worker?.terminate();
    });
    return worker && { worker, stack };
  }
}

interface Thread {
  readonly worker: Worker;
  /** Where it has memory for arrays of functions. */
  readonly stack: number;
}

/** What a worker of a page and one of Node have in common. */
interface Worker {
  postMessage(message: Posted): void;
  terminate(): void;
}

/** Where the text of workers is, in a page. */
let address: string | undefined;

/**
 * Workers start from a text. A file of their own would have to be found from the sources, from the built package, from
 * one file on another server, and by every bundler; a page's policy must allow `worker-src blob:` for it.
 */
function startWorker(failed: () => void): Worker | undefined {
  const text = `(${thread})(${JSON.stringify(words)}, `;
  try {
    const node = processModule("node:worker_threads");
    if (node) {
      const code = `${text}(hear) => process.getBuiltinModule("node:worker_threads").parentPort.on("message", hear))`;
      const worker = new node.Worker(code, { eval: true, execArgv: [] });
      // A program that has ended does not wait for it.
      worker.unref();
      worker.on("error", failed);
      return worker;
    }
    address ??= URL.createObjectURL(new Blob([`${text}(hear) => { onmessage = ({ data }) => hear(data); })`]));
    const worker = new Worker(address);
    worker.onerror = failed;
    return worker;
  } catch {
    return undefined;
  }
}

/** A module of Node, where there is Node. */
const processModule = <N extends "node:os" | "node:worker_threads">(name: N) =>
  globalThis.process?.getBuiltinModule?.(name);

/** Longest nap in milliseconds, and so the longest delay of a result. */
const LONGEST = 1;

type Class = { prototype: Record<string, (...args: unknown[]) => Promise<unknown>> };

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let pending = 0;
let nap = 0;
/** Whether a turn is scheduled. There is only one chain of turns, however many promises are pending. */
let turning = false;

/**
 * Gives the CPU adapter all cores while this thread waits for it. While a promise is pending, Dawn polls in every turn
 * of the event loop. That takes a whole core from SwiftShader (a large matmul then takes 1.5 times as long). So each
 * turn ends in a nap. The first naps are short, to keep the latency of quick results low.
 * @param globals the classes of the `webgpu` package; their waiting methods are wrapped once
 */
export function napWhilePending(globals: object): void {
  const { GPUBuffer, GPUQueue, GPUDevice } = globals as Record<string, Class>;
  wrap(GPUBuffer!, "mapAsync");
  wrap(GPUQueue!, "onSubmittedWorkDone");
  wrap(GPUDevice!, "createComputePipelineAsync");
}

const wrapped = new WeakSet<object>();

function wrap({ prototype }: Class, method: string): void {
  const original = prototype[method]!;
  if (wrapped.has(original)) return;
  const napping = function (this: unknown, ...args: unknown[]) {
    const promise = original.apply(this, args);
    begin();
    promise.then(end, end);
    return promise;
  };
  wrapped.add(napping);
  prototype[method] = napping;
}

function begin(): void {
  pending++;
  nap = 0.05;
  if (!turning) setImmediate(turn);
  turning = true;
}

function end(): void {
  pending--;
}

function turn(): void {
  turning = pending > 0;
  if (!turning) return;
  Atomics.wait(sleeper, 0, 0, nap);
  nap = Math.min(2 * nap, LONGEST);
  setImmediate(turn);
}

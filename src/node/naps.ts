/** Longest nap, in milliseconds: what a result can come late. */
const LONGEST = 1;

type Class = { prototype: Record<string, (...args: unknown[]) => Promise<unknown>> };

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let pending = 0;
let nap = 0;
/** Whether a turn is scheduled: there is one chain of turns, however many promises come and go. */
let turning = false;

/**
 * Lets the CPU adapter have all cores while this thread waits for it. Dawn polls in every turn of the event loop for as
 * long as a promise is pending, and so takes a whole core away from SwiftShader, which could compute with it (a large matmul
 * then takes 1.5 times as long). Here each turn ends in a nap instead. The first naps are short, so that a quick answer is
 * not kept waiting.
 * @param globals the classes of the `webgpu` package, whose waiting methods are wrapped (once)
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

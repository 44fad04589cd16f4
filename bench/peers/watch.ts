/** A page's GPU calls so far, and the buffers it holds. */
export interface Gpu {
  count(): { buffers: number; bytes: number; made: number; dispatches: number; submits: number };
}

/**
 * Runs in a page before its scripts. Counts buffers created and destroyed, dispatches, and submits with work. A buffer
 * dropped without `destroy` counts until it is garbage-collected.
 */
export function watch(): void {
  const held = new Map<number, number>();
  const numbers = new WeakMap<GPUBuffer, number>();
  const collected = new FinalizationRegistry<number>((number) => held.delete(number));
  let [made, dispatches, submits] = [0, 0, 0];

  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    held.set(++made, buffer.size);
    numbers.set(buffer, made);
    collected.register(buffer, made);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    held.delete(numbers.get(this)!);
    return destroy.call(this);
  };
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...counts) {
    dispatches++;
    return dispatchWorkgroups.apply(this, counts);
  };
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (buffers) {
    // Empty submits only nudge the browser.
    const all = [...buffers];
    if (all.length > 0) submits++;
    return submit.call(this, all);
  };
  // A method, since the TypeScript runner wraps named functions in a helper that pages lack.
  Object.assign(globalThis, {
    gpu: {
      count() {
        const bytes = [...held.values()].reduce((sum, size) => sum + size, 0);
        return { buffers: held.size, bytes, made, dispatches, submits };
      },
    },
  });
}

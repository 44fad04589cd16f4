/** A device that is asked when its work is done, and what it has refused. */
export interface Watched {
  done(): Promise<void>;
}

/** Work that a device refuses would take no time. */
export function watched(device: GPUDevice): Watched {
  let fault: GPUError | undefined;
  device.addEventListener("uncapturederror", ({ error }) => {
    fault ??= error;
  });
  return {
    async done() {
      await device.queue.onSubmittedWorkDone();
      if (fault) throw new Error(fault.message);
    },
  };
}

/** Watches the device of WebGPU that a library will open. */
export function watchWebGPU(): Watched {
  const { requestDevice } = GPUAdapter.prototype;
  let opened: Watched;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    opened = watched(device);
    return device;
  };
  return { done: () => opened.done() };
}

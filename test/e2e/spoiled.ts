import type { Page } from "puppeteer";

/*
 * What can be wrong with a visitor's browser. Each runs in a page or worker before its scripts.
 */

/** In a page: makes its workers run some code first. */
export function runInWorkers(code: string): void {
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      const file = new Blob([code, `await import(${JSON.stringify(new URL(url, document.baseURI).href)});`]);
      super(URL.createObjectURL(new Blob([file], { type: "text/javascript" })), options);
    }
  };
}

export const withoutWebGPU = (): void => {
  Object.defineProperty(Object.getPrototypeOf(navigator), "gpu", { value: undefined });
};

/** It has WebGPU, but no graphics processor for it. */
export const withoutAdapter = (): void => {
  Object.assign(GPU.prototype, { requestAdapter: async () => null });
};

/** Its device can be taken away: see `lose`. */
export const losable = (): void => {
  if (!("GPUAdapter" in globalThis)) return;
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    Object.assign(globalThis, { lose: () => device.destroy() });
    return device;
  };
};

/** Takes the device away from a page's worker, which was opened `losable`. */
export const lose = (page: Page): Promise<void> =>
  page.workers()[0]!.evaluate(() => (globalThis as unknown as { lose(): void }).lose());

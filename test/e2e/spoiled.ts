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

/** As on pages that are served over plain http. */
export const withoutClipboard = (): void => {
  Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined });
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

/**
 * Its tab can be hidden: see `hide`. Browsers draw nothing of a hidden tab. A headless one shows all of its tabs, so their
 * drawings are held back.
 */
export const hideable = (): void => {
  const draw = requestAnimationFrame;
  const held: FrameRequestCallback[] = [];
  let isHidden = false;
  globalThis.requestAnimationFrame = (act) => (isHidden ? held.push(act) : draw(act));
  const setHidden = (wanted: boolean): void => {
    isHidden = wanted;
    if (!wanted) for (const act of held.splice(0)) draw(act);
  };
  Object.assign(globalThis, { setHidden });
};

/** Hides the tab of a page that was opened `hideable`, or shows it again. */
export const hide = (page: Page, isHidden: boolean): Promise<void> =>
  page.evaluate(
    (isHidden) => (globalThis as unknown as { setHidden(isHidden: boolean): void }).setHidden(isHidden),
    isHidden,
  );

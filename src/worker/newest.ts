/**
 * Passes values on to a receiver that may be slow. While it is busy, a newer value replaces the one that waits, so the
 * receiver sets the rate.
 */
export function newest<T>(send: (value: T) => Promise<unknown>): { (value: T): void; settled(): Promise<void> } {
  let waiting: { readonly value: T } | undefined;
  let sending: Promise<void> | undefined;
  const go = async (): Promise<void> => {
    while (waiting) {
      const { value } = waiting;
      waiting = undefined;
      await send(value);
    }
    sending = undefined;
  };
  const offer = (value: T): void => {
    waiting = { value };
    sending ??= go();
  };
  /** Resolves once the last value has arrived. */
  return Object.assign(offer, { settled: async () => sending });
}

/** Resolves when the page draws its next frame; soon if it is hidden, and at once where there are no frames. */
export const nextFrame = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof requestAnimationFrame !== "function") return resolve();
    const timer = setTimeout(resolve, 100);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve();
    });
  });

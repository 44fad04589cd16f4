import type { Maker } from "./work.ts";

/** A page that trains 784-128-10: runs the first step as soon as possible, more on request. */
export async function first<Context>(open: () => Promise<Context>, make: Maker<Context>): Promise<void> {
  const work = await make(await open());
  const step = async () => {
    await work.once();
    return (await work.result())[0]!;
  };
  await step();
  /** Milliseconds from the start of navigation to the first loss. */
  const firstStep = performance.now();
  Object.assign(globalThis, { trainer: { firstStep, step } });
}

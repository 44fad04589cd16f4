import { runInThisContext } from "node:vm";
import { isMainThread } from "node:worker_threads";
import { DeviceError } from "../errors.ts";

/** Milliseconds that a worker waits for its main thread. */
const patience = 10_000;

/**
 * Sets the environment variable that names a driver while the Vulkan loader searches, then restores it, so that child
 * processes do not inherit it.
 * @param driver path of its description.
 * @param act the loader searches during its synchronous part.
 */
export async function withDriver<T>(driver: string, act: () => Promise<T>): Promise<T> {
  await inMainThread(hold(driver));
  try {
    return await act();
  } finally {
    await inMainThread(release);
  }
}

/*
 * Several workers may search at once; the last one restores the environment. This is text, because it is evaluated in
 * another thread.
 */
const held = `(globalThis[Symbol.for("tilegrad: VK_ICD_FILENAMES")] ??= { users: 0, before: undefined })`;
const hold = (driver: string) => `{
  const held = ${held};
  if (held.users++ === 0) held.before = process.env.VK_ICD_FILENAMES;
  process.env.VK_ICD_FILENAMES = ${JSON.stringify(driver)};
}`;
const release = `{
  const held = ${held};
  if (--held.users === 0) {
    if (held.before === undefined) delete process.env.VK_ICD_FILENAMES;
    else process.env.VK_ICD_FILENAMES = held.before;
  }
}`;

/** Runs code in the main thread: a worker's `process.env` is a copy that native libraries do not see. */
async function inMainThread(program: string): Promise<void> {
  if (isMainThread) {
    runInThisContext(program);
    return;
  }
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connectToMainThread();
  await new Promise<void>((resolve, reject) => {
    const waited = setTimeout(() => {
      const cause = "its main thread, which must set the driver, does not answer";
      reject(new DeviceError(`no GPU for this worker: ${cause}. Set VK_ICD_FILENAMES before the process starts`));
    }, patience);
    session.post("Runtime.evaluate", { expression: program }, (error) => {
      clearTimeout(waited);
      if (error) reject(error);
      else resolve();
    });
  }).finally(() => session.disconnect());
}

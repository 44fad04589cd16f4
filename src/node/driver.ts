import { runInThisContext } from "node:vm";
import { isMainThread } from "node:worker_threads";
import { DeviceError } from "../errors.ts";

/** Milliseconds that a worker waits for its main thread. */
const patience = 10_000;

/**
 * Does what makes the Vulkan loader look for drivers while the environment names one, and then gives the environment back, so that
 * child processes are not bound to it.
 * @param driver path of its description.
 * @param act its synchronous part is when the loader looks.
 */
export async function withDriver<T>(driver: string, act: () => Promise<T>): Promise<T> {
  await inMainThread(hold(driver));
  try {
    return await act();
  } finally {
    await inMainThread(release);
  }
}

/* Workers may look for drivers at once: the last one gives the environment back. Text, since it travels between threads. */
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

/** Runs a program in the main thread: what a worker writes to `process.env` is a copy that no library sees. */
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
      const cause = "its main thread, which names the driver to the system, does not answer";
      reject(new DeviceError(`no GPU for this worker: ${cause}. Set VK_ICD_FILENAMES before the process starts`));
    }, patience);
    session.post("Runtime.evaluate", { expression: program }, (error) => {
      clearTimeout(waited);
      if (error) reject(error);
      else resolve();
    });
  }).finally(() => session.disconnect());
}

/*
 * The page hears nothing when a worker closes itself, or the browser ends it. But then the browser releases its locks:
 * the worker holds one for as long as it lives, and the page waits for it.
 */

/** In a worker: takes a lock for good. @returns its name; undefined where the browser has no locks. */
export async function holdLock(): Promise<string | undefined> {
  const { locks } = navigator;
  if (!locks) return undefined;
  const name = `tilegrad.${crypto.randomUUID()}`;
  await new Promise<void>((taken, refused) => {
    const held = new Promise<never>(() => {});
    locks
      .request(name, () => {
        taken();
        return held;
      })
      .catch(refused);
  });
  return name;
}

/** Resolves when the worker that holds a lock has ended; never without a lock. */
export function ended(name: string | undefined): Promise<void> {
  const never = new Promise<void>(() => {});
  return name === undefined ? never : navigator.locks.request(name, () => {}).catch(() => never);
}

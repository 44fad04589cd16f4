import { signal } from "@preact/signals";
import { type Connection, connect, Silence, within } from "./remote.ts";

/** The bench and its GPU; undefined while there is none. */
export const connection = signal<Connection | undefined>(undefined);
/** What went wrong with the GPU, and what the page did about it. */
export const notice = signal<string | undefined>(undefined);

/** Milliseconds for one answer of the bench. Compiling a large kernel, and the reference, take seconds. */
const mostMs = 60_000;

/** Calls of the bench, one after the other. */
let calls: Promise<unknown> = Promise.resolve();

/** Asks the bench when it is free. Rejects with a Silence, or with the error of a lost device, after a new start. */
export function ask<T>(call: (bench: Connection["bench"]) => Promise<T>): Promise<T> {
  const answer = calls.then(async () => {
    const asked = connection.value;
    if (!asked) throw new Error("there is no GPU");
    try {
      return await Promise.race([within(mostMs, call(asked.bench)), ended.get(asked)!]);
    } catch (error) {
      if (error instanceof Silence) await restart(asked, `The GPU gave no answer for ${mostMs / 1000} seconds.`);
      throw error;
    }
  });
  calls = answer.catch(() => {});
  return answer;
}

/** For each connection, a promise that rejects when its device is lost. */
const ended = new WeakMap<Connection, Promise<never>>();

/** Opens a GPU. */
export async function open(): Promise<void> {
  const fresh = await connect();
  const lost = fresh.bench.lost().then(async (message) => {
    await restart(fresh, `The GPU was lost: ${message || "the browser gives no reason"}.`);
    throw new Error("the GPU was lost");
  });
  lost.catch(() => {});
  ended.set(fresh, lost);
  connection.value = fresh;
}

/** Gives up on a connection, and opens another one. */
async function restart(old: Connection, reason: string): Promise<void> {
  if (connection.value !== old) return;
  old.cut();
  connection.value = undefined;
  try {
    await open();
    notice.value = `${reason} The page has a fresh GPU device now.`;
  } catch (error) {
    notice.value = `${reason} A fresh one could not be opened: ${(error as Error).message}. Reload the page, or restart the browser.`;
  }
}

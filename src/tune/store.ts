import { FormatError } from "../errors.ts";
import type { Store } from "../store/store.ts";

/** Where winners are kept between visits: any store, as the file `tuning.json`. */
export type TuningStore = Pick<Store, "name" | "read" | "write">;

/** `problem → variant`. */
export type Winners = Readonly<Record<string, string>>;

const file = "tuning.json";

async function readAll(store: TuningStore): Promise<Record<string, Winners>> {
  const bytes = await store.read(file);
  if (!bytes) return {};
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new FormatError(`${store.name}: ${file} is not JSON; delete it to start over`, { cause });
  }
}

/** The winners of an adapter, as saved. @throws FormatError for a file that is not JSON. */
export const readWinners = async (store: TuningStore, adapter: string): Promise<Winners> =>
  (await readAll(store))[adapter] ?? {};

/** Saves the winners of an adapter, beside those of others. */
export async function writeWinners(store: TuningStore, adapter: string, winners: Winners): Promise<void> {
  const all = { ...(await readAll(store)), [adapter]: winners };
  await store.write(file, new TextEncoder().encode(`${JSON.stringify(all, undefined, 2)}\n`));
}

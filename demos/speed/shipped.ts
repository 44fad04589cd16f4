import { parseResult } from "../../bench/measure/parse.ts";
import type { Other } from "./session.ts";
import { summaryOf } from "./summary.ts";

/** Addresses of files that `npm run bench -- --speed` wrote. */
const files = import.meta.glob<string>("./results/*.json", { eager: true, query: "?url", import: "default" });

/** Fetches the results that come with the page. One that does not arrive is left out. */
export async function shipped(): Promise<readonly Other[]> {
  const all = Object.entries(files).map(async ([file, address]): Promise<Other[]> => {
    const response = await fetch(address).catch(() => undefined);
    if (!response?.ok) return [];
    return [{ id: file.replace(/^.*\/|\.json$/g, ""), summary: summaryOf(parseResult(await response.text(), file)) }];
  });
  return (await Promise.all(all)).flat();
}

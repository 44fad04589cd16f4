import { parseResult } from "../../bench/measure/parse.ts";
import type { Other } from "./session.ts";
import { summaryOf } from "./summary.ts";

/** Addresses of files that `npm run bench -- --speed` wrote. */
const files = import.meta.glob<string>("./results/*.json", { eager: true, query: "?url", import: "default" });

/** Fetches the results that come with the page. One that does not arrive whole is left out. */
export async function shipped(): Promise<readonly Other[]> {
  const all = Object.entries(files).map(async ([file, address]): Promise<Other[]> => {
    try {
      const text = await (await fetch(address)).text();
      return [{ id: file.replace(/^.*\/|\.json$/g, ""), summary: summaryOf(parseResult(text, file)) }];
    } catch {
      return [];
    }
  });
  return (await Promise.all(all)).flat();
}

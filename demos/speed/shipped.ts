import type { Result } from "../../bench/measure/result.ts";
import type { Other } from "./session.ts";
import { summaryOf } from "./summary.ts";

/** Files that `npm run bench -- --speed` wrote. */
const files = import.meta.glob<Result>("./results/*.json", { eager: true, import: "default" });

/** Results that come with the page. */
export const shipped: readonly Other[] = Object.entries(files).map(([file, result]) => ({
  id: file.replace(/^.*\/|\.json$/g, ""),
  summary: summaryOf(result),
}));

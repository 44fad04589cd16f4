import { read } from "./reader.tsx";

/** A lesson as a page of the site. */
read({
  startWorker: () => new Worker(new URL("./course.worker.ts", import.meta.url), { type: "module" }),
  loadEditor: () => import("./editing.ts"),
  hasInside: true,
});

import { download } from "../../parts/download.ts";
import { read } from "./reader.tsx";
import { type Shared, standAlone } from "./standAlone.ts";

/** A lesson as a page of the site. */
read({
  startWorker: () =>
    new Worker(new URL("./course.worker.ts", import.meta.url), { type: "module", name: location.search }),
  loadEditor: () => import("./editing.ts"),
  hasInside: true,
});

// The single file is put together here: the site needs to hold only what all of them share.
document.querySelector<HTMLAnchorElement>("#alone")!.addEventListener("click", async (event) => {
  event.preventDefault();
  const link = event.currentTarget as HTMLAnchorElement;
  const [page, shared] = await Promise.all([fetch(location.pathname), fetch(link.href)]);
  download(link.download, standAlone(await page.text(), (await shared.json()) as Shared));
});

import { download } from "../../parts/download.ts";
import { read } from "./reader.tsx";
import { type DataFile, type Shared, standAlone } from "./standAlone.ts";

/** A lesson as a page of the site. */
read({
  startWorker: () => new Worker(new URL("./course.worker.ts", import.meta.url), { type: "module" }),
  loadEditor: () => import("./editing.ts"),
  dataUrl: new URL("data/", location.href).href,
  files: {},
  hasInside: true,
});

// The single file is put together here: the site needs to hold only what all of them share.
document.querySelector<HTMLAnchorElement>("#alone")!.addEventListener("click", async (event) => {
  event.preventDefault();
  const link = event.currentTarget as HTMLAnchorElement;
  const [page, shared] = await Promise.all([fetch(location.pathname), fetch(link.href)]);
  const data = await Promise.all((link.dataset["files"] ?? "").split(" ").filter(Boolean).map(fileOf));
  download(link.download, standAlone(await page.text(), (await shared.json()) as Shared, data));
});

/** A file of a dataset, as it lies in a single file. */
async function fileOf(name: string): Promise<DataFile> {
  const stream = (await fetch(`data/${name}`)).body!.pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return { name, packed: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
}

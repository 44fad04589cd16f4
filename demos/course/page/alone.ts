import { unpackedBytes } from "./packing.ts";
import { read } from "./reader.tsx";

/*
 * A lesson in one file. Its parts lie in the page as text, packed, and become scripts when they are needed: it works
 * from a disk, without a network.
 */

/** The address of packed parts as one script. */
async function unpacked(...elements: Element[]): Promise<string> {
  const scripts = elements.map((element) => {
    const packed = unpackedBytes(element.textContent!, Number((element as HTMLElement).dataset["bytes"]));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  });
  return URL.createObjectURL(new Blob(await Promise.all(scripts), { type: "text/javascript" }));
}

const worker = await unpacked(...document.querySelectorAll("[id^='data-']"), document.getElementById("worker")!);
let editing: ReturnType<typeof load> | undefined;
const load = async () =>
  (await import(
    /* @vite-ignore */ await unpacked(document.getElementById("editing")!)
  )) as typeof import("./plainEditing.ts");

read({
  startWorker: () => new Worker(worker, { name: location.search }),
  loadEditor: () => {
    editing ??= load();
    return editing;
  },
  hasInside: false,
});

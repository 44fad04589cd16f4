import { read } from "./reader.tsx";

/*
 * A lesson in one file. Its parts lie in the page as text, packed, and become scripts when they are needed: it works
 * from a disk, without a network.
 */

/** The address of a packed part. */
async function unpacked(element: Element): Promise<string> {
  const packed = Uint8Array.from(atob(element.textContent!), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
}

const part = (id: string): Promise<string> => unpacked(document.getElementById(id)!);
const worker = await part("worker");
const data = [...document.querySelectorAll<HTMLElement>("[data-file]")];
const files = await Promise.all(data.map(async (each) => [each.dataset["file"]!, await unpacked(each)] as const));
let editing: ReturnType<typeof load> | undefined;
const load = async () => (await import(/* @vite-ignore */ await part("editing"))) as typeof import("./plainEditing.ts");

read({
  startWorker: () => new Worker(worker),
  loadEditor: () => {
    editing ??= load();
    return editing;
  },
  // A worker's own address is no folder, so this one has to do.
  dataUrl: "https://lesson.invalid/data/",
  files: Object.fromEntries(files),
  hasInside: false,
});

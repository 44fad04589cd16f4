import { read } from "./reader.tsx";

/*
 * A lesson in one file. Its parts lie in the page as text, packed, and become scripts when they are needed: it works
 * from a disk, without a network.
 */

/** The address of a packed part as a script. */
async function unpacked(id: string): Promise<string> {
  const packed = Uint8Array.from(atob(document.getElementById(id)!.textContent!), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
}

const worker = await unpacked("worker");
let editing: ReturnType<typeof load> | undefined;
const load = async () =>
  (await import(/* @vite-ignore */ await unpacked("editing"))) as typeof import("./plainEditing.ts");

read({
  startWorker: () => new Worker(worker),
  loadEditor: () => {
    editing ??= load();
    return editing;
  },
  hasInside: false,
});

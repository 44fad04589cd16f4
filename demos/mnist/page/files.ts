import { download } from "../../../src/store/index.ts";
import { button, find } from "./elements.ts";
import type { Session } from "./session.ts";

/**
 * Makes the buttons save and load weights.
 * @param tell is called after each attempt, with the error if it failed.
 */
export function offerFiles(session: Session, tell: (error?: Error) => void): void {
  const attempt = (work: Promise<void>): Promise<void> => work.then(() => tell(), tell);
  const chooser = find<HTMLInputElement>("file");
  button("save").addEventListener("click", () => attempt(save(session)));
  button("load").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", async () => {
    const file = chooser.files?.[0];
    if (file) await attempt(load(session, file));
    chooser.value = ""; // Allow choosing the same file again.
  });
}

async function save(session: Session): Promise<void> {
  download("mnist.safetensors", await session.save());
}

async function load(session: Session, file: File): Promise<void> {
  await session.load(new Uint8Array(await file.arrayBuffer()), file.name);
}

import { linkNames } from "./docs.ts";
import { isProjectRead } from "./project.ts";
import { readReference } from "./shelf.ts";

/**
 * A page with links from its names of the library to the reference.
 * @param waits whether to wait for the reference where it must be made first. A page that is being written does not.
 */
export async function withNames(html: string, waits: boolean): Promise<string> {
  return waits || isProjectRead() ? linkNames(html, (await readReference()).find) : html;
}

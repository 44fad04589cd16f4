import type { Hideable } from "./address.ts";
import { shared } from "./session.ts";

/** Whether a part of the page is to be seen: a link may hide it. */
export const shows = (part: Hideable): boolean => !shared.value.hide.includes(part);

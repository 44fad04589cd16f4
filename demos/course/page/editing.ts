/** What editing a cell takes in the site. */

export { compile } from "../cells/compile.ts";
export { placeOf } from "../cells/edits.ts";
export { openEditor } from "./editor.ts";

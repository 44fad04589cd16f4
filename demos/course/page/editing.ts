/** What editing a cell takes: an editor, and a compiler. */

export { compile } from "../cells/compile.ts";
export { placeOf } from "../cells/edits.ts";
export { openEditor } from "./editor.ts";

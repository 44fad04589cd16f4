/** What editing a cell takes in a single file. */

export { compile } from "../cells/compile.ts";
export { placeOf } from "../cells/edits.ts";
export { openEditor } from "./plainEditor.ts";

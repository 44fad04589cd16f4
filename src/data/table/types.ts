import { checkChoice, checkList, checkObject, refuse } from "../../errors.ts";
import type { ColumnType } from "./column.ts";

/** Refuses anything but types by the names of columns. */
export function checkTypes(op: string, types: Readonly<Record<string, ColumnType>>): void {
  checkObject(op, "types", types, '{ age: "f32", city: "category" }');
  for (const [name, type] of Object.entries(types)) {
    if (Array.isArray(type)) checkTexts(op, `types.${name}`, type);
    else checkChoice(op, `types.${name}`, type as string, ["f32", "f64", "i32", "category", "text"]);
  }
}

/** Refuses anything but a list of different texts. */
export function checkTexts(op: string, name: string, texts: readonly string[]): void {
  checkList(op, name, texts);
  const seen = new Set<string>();
  for (const [i, text] of texts.entries()) {
    if (typeof text !== "string" || seen.has(text))
      refuse(op, `${name}[${i}]`, text, "a text that is not in the list before");
    seen.add(text);
  }
}

import type { Column } from "./columns.ts";

/** Appends a new element. */
export function add<K extends keyof HTMLElementTagNameMap>(parent: Node, tag: K, text = ""): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.appendChild(element);
  return element;
}

/** A table that scrolls sideways if it is wider than the page. @param mark the class of a row. */
export function tableOf<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  mark: (row: Row) => string = () => "",
): HTMLElement {
  const wide = document.createElement("div");
  wide.className = "wide";
  wide.tabIndex = 0; // Lets keys scroll it.
  const table = add(wide, "table");
  const line = (tag: "td" | "th", text: (column: Column<Row>) => string, mark = ""): void => {
    const row = table.insertRow();
    row.className = mark;
    for (const column of columns) add(row, tag, text(column)).className = column.left ? "left" : "";
  };
  line("th", ({ name }) => name);
  for (const row of rows) line("td", ({ cell }) => cell(row), mark(row));
  return wide;
}

export function groups<T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const group = found.get(by(item));
    if (group) group.push(item);
    else found.set(by(item), [item]);
  }
  return found;
}

/** The page's element with this id. */
export const find = <E extends HTMLElement = HTMLElement>(id: string): E => document.getElementById(id) as E;

export const button = (id: string): HTMLButtonElement => find<HTMLButtonElement>(id);

/** Writes a text if it has changed: screen readers read some of them aloud. */
export function write(id: string, text: string): void {
  if (find(id).textContent !== text) find(id).textContent = text;
}

/** 12,345. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** How one value is kept in an address: its text, and what a text means. */
export interface Field<T> {
  readonly initial: T;
  /** @returns undefined for a text that is no such value: an address may come from anywhere. */
  parse(text: string): T | undefined;
  print(value: T): string;
}

export type Fields<T> = { readonly [K in keyof T]: Field<T[K]> };

/** One of some texts or numbers. */
export const choice = <const T extends string | number>(options: readonly T[], initial: T): Field<T> => ({
  initial,
  parse: (text) => options.find((option) => String(option) === text),
  print: String,
});

/** A whole number of a range. */
export const whole = (least: number, most: number, initial: number): Field<number> => ({
  initial,
  parse: (text) => (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined),
  print: String,
});

/** Values of a page as the hash of its address. Only what differs from the initial values is written. */
export function printHash<T extends object>(fields: Fields<T>, values: T): string {
  const parts = (Object.keys(fields) as (keyof T & string)[])
    .map((key) => [key, fields[key].print(values[key])] as const)
    .filter(([key, text]) => text !== fields[key].print(fields[key].initial));
  return parts.map(([key, text]) => `${key}=${text}`).join("&");
}

/** The longest value of a link that a page repeats. */
const longest = 20;

/** The parts of a hash that mean nothing, as a visitor reads them. */
export function unread<T extends object>(fields: Fields<T>, hash: string): string[] {
  const isRead = ([key, text]: [string, string]): boolean =>
    Object.hasOwn(fields, key) && fields[key as keyof T].parse(text) !== undefined;
  return [...new URLSearchParams(hash.replace(/^#/, ""))]
    .filter((part) => !isRead(part))
    .map(([key, text]) => `${key}=${text.length > longest ? `${text.slice(0, longest)}…` : text}`);
}

/** Values from a hash; the initial one for each that it lacks or that means nothing. */
export function parseHash<T extends object>(fields: Fields<T>, hash: string): T {
  const found = new URLSearchParams(hash.replace(/^#/, ""));
  const values = (Object.keys(fields) as (keyof T & string)[]).map((key) => {
    const text = found.get(key);
    return [key, (text === null ? undefined : fields[key].parse(text)) ?? fields[key].initial];
  });
  return Object.fromEntries(values) as T;
}

import type { CategoryColumn, Column, ColumnType, NumberColumn, TextColumn } from "./column.ts";

/** Collects the texts of one column as values. */
export interface ColumnBuilder {
  /** Adds a value; `undefined` where it is missing. Returns what was expected, in words, if the text does not fit. */
  push(text: string | undefined): string | undefined;
  finish(): Column;
}

/** How texts become numbers. */
export interface NumberFormat {
  readonly decimal: "." | ",";
}

/** A typed array that doubles when it is full, so that adding takes constant time. */
class Growing<T extends Float32Array | Float64Array | Int32Array> {
  #data: T;
  length = 0;

  constructor(data: T) {
    this.#data = data;
  }

  push(value: number): void {
    if (this.length === this.#data.length) {
      const larger = new (this.#data.constructor as new (length: number) => T)(Math.max(64, 2 * this.length));
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.length++] = value;
  }

  finish(): T {
    return this.#data.slice(0, this.length) as T;
  }
}

const arrays = { f32: Float32Array, f64: Float64Array, i32: Int32Array } as const;

/** A number as people write it: no hexadecimal, no "Infinity". */
const pattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** The number that a text shows, or NaN. */
function numberOf(text: string, { decimal }: NumberFormat): number {
  const plain = decimal === "," ? (text.includes(".") ? "" : text.replace(",", ".")) : text;
  return pattern.test(plain) ? Number(plain) : Number.NaN;
}

const isWhole32 = (value: number): boolean => (value | 0) === value;

class NumberBuilder implements ColumnBuilder {
  #type: NumberColumn["type"];
  readonly #format: NumberFormat;
  readonly #widens: boolean;
  #values: Growing<Float32Array | Float64Array | Int32Array>;
  #missing = 0;

  /** @param widens whether i32 becomes f32 if a value does not fit. */
  constructor(type: NumberColumn["type"], format: NumberFormat, widens: boolean) {
    this.#type = type;
    this.#format = format;
    this.#widens = widens;
    this.#values = new Growing(new arrays[type](0));
  }

  push(text: string | undefined): string | undefined {
    const value = text === undefined ? Number.NaN : numberOf(text, this.#format);
    if (this.#type === "i32" && !isWhole32(value) && this.#widens) this.#widen();
    if (text === undefined) {
      if (this.#type === "i32") return "a whole number: a column with missing values cannot be i32, but f32";
      this.#missing++;
    } else if (Number.isNaN(value)) {
      return `a number${this.#format.decimal === "," ? " with a decimal comma" : ""}`;
    } else if (this.#type === "i32" && !isWhole32(value)) {
      return "a whole number from −2³¹ to 2³¹−1";
    } else if (!Number.isFinite(this.#type === "f32" ? Math.fround(value) : value)) {
      return `a number of at most ${this.#type === "f32" ? "3.4e38, or f64 as the column's type" : "1.8e308"}`;
    }
    this.#values.push(value);
    return undefined;
  }

  #widen(): void {
    const data = Float32Array.from(this.#values.finish());
    this.#type = "f32";
    this.#values = new Growing(data);
    this.#values.length = data.length;
  }

  finish(): NumberColumn {
    return { type: this.#type, data: this.#values.finish(), missing: this.#missing };
  }
}

class CategoryBuilder implements ColumnBuilder {
  readonly #fixed: readonly string[] | undefined;
  readonly #codes: Map<string, number>;
  readonly #values = new Growing(new Int32Array(0));
  #missing = 0;

  /** @param categories all names that may occur; default those that occur. */
  constructor(categories?: readonly string[]) {
    this.#fixed = categories;
    this.#codes = new Map(categories?.map((name, code) => [name, code]));
  }

  push(text: string | undefined): string | undefined {
    let code = text === undefined ? -1 : this.#codes.get(text);
    if (code === undefined) {
      if (this.#fixed) return `one of ${namesOf(this.#fixed)}`;
      code = this.#codes.size;
      this.#codes.set(ownMemory(text!), code);
    }
    if (code < 0) this.#missing++;
    this.#values.push(code);
    return undefined;
  }

  finish(): CategoryColumn {
    const found = this.#values.finish();
    const missing = this.#missing;
    if (this.#fixed) return { type: "category", data: found, categories: [...this.#fixed], missing };
    // Sorted, so that codes do not depend on the order of rows.
    const names = [...this.#codes.keys()];
    const order = [...names.keys()].sort((a, b) => (names[a]! < names[b]! ? -1 : 1));
    const places = new Int32Array(names.length);
    for (const [place, code] of order.entries()) places[code] = place;
    const data = found.map((code) => (code < 0 ? -1 : places[code]!));
    return { type: "category", data, categories: order.map((code) => names[code]!), missing };
  }
}

/** The first few names, for messages. */
export const namesOf = (names: readonly string[]): string =>
  `${names
    .slice(0, 8)
    .map((name) => JSON.stringify(name))
    .join(", ")}${names.length > 8 ? ` and ${names.length - 8} more` : ""}`;

/** A copy: part of a text keeps the whole text in memory. */
const ownMemory = (part: string): string => part.split("").join("");

class TextBuilder implements ColumnBuilder {
  readonly #values: (string | undefined)[] = [];
  #missing = 0;

  push(text: string | undefined): undefined {
    if (text === undefined) this.#missing++;
    this.#values.push(text);
  }

  finish(): TextColumn {
    return { type: "text", data: this.#values, missing: this.#missing };
  }
}

/**
 * Builds a column of a known type.
 * @param isInferred whether whole numbers may turn out to be others.
 */
export function builderOf(type: ColumnType, format: NumberFormat, isInferred: boolean): ColumnBuilder {
  if (typeof type !== "string") return new CategoryBuilder(type);
  if (type === "category") return new CategoryBuilder();
  return type === "text" ? new TextBuilder() : new NumberBuilder(type, format, isInferred);
}

/**
 * The type of texts: i32 if all are whole numbers, f32 if all are numbers, else categories; texts if most occur only once
 * and there are more than 20.
 */
export function inferredType(texts: readonly (string | undefined)[], format: NumberFormat): ColumnType {
  const present = texts.filter((text) => text !== undefined);
  const numbers = present.map((text) => numberOf(text, format));
  if (present.length > 0 && !numbers.some(Number.isNaN)) {
    return present.length === texts.length && numbers.every(isWhole32) ? "i32" : "f32";
  }
  const distinct = new Set(present).size;
  return distinct > 20 && distinct > present.length / 2 ? "text" : "category";
}

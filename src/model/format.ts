/** Identifies the format of a description. Raised when older versions of tilegrad cannot read it. */
export const format = "tilegrad model 1";

/** A value in an argument. */
export type ValueJSON =
  | null
  | boolean
  | number
  | string
  | LayerJSON
  | readonly ValueJSON[]
  | { readonly [name: string]: ValueJSON };

/**
 * A layer: the function of nn that makes it, and its arguments, with all options filled in. In place of a layer with
 * variables that the description contains already, `same` gives its path.
 */
export type LayerJSON = { readonly layer: string; readonly args: readonly ValueJSON[] } | { readonly same: string };

/** A model as plain JSON, without its weights. */
export interface ModelJSON {
  readonly format: typeof format;
  readonly model: LayerJSON;
}

/** Deeper nesting is refused: no model has it. */
export const mostDeep = 64;

/** Whether a value is an object with named members. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  Object.prototype.toString.call(value) === "[object Object]";

/** The path of a part: "0.body", "" for the model itself. */
export const within = (path: string, name: string): string => (path ? `${path}.${name}` : name);

/** Names a layer in messages. */
export const placeOf = (path: string): string => (path ? `layer "${path}"` : "the model");

import { currentLayer, showLayer } from "./layer.ts";

/**
 * The errors a user of tilegrad can meet, one class per kind. Every message names the culprit (the op, the tensor, the file)
 * and what was expected of it, so that the line to mend is found without a debugger.
 */
export class TilegradError extends Error {
  override name = "TilegradError";

  /** A message that is made while a layer is being applied, or computed, ends with its path. */
  constructor(message: string, options?: ErrorOptions) {
    const layer = showLayer(currentLayer());
    super(layer ? `${message},${layer}` : message, options);
  }
}

/** Shapes, axes or sizes that do not fit each other. Thrown where the node is built. */
export class ShapeError extends TilegradError {
  override name = "ShapeError";
}

/** An element type an op does not take, or two that differ. Thrown where the node is built. */
export class DTypeError extends TilegradError {
  override name = "DTypeError";
}

/** An attribute outside its range: a dropout rate above 1, a negative learning rate, a NaN. Thrown where it is given. */
export class AttributeError extends TilegradError {
  override name = "AttributeError";
}

/** A missing, surplus, wrongly sized or wrongly typed value handed to `run`. Nothing has been computed. */
export class FeedError extends TilegradError {
  override name = "FeedError";
}

/** Something larger than the adapter allows: the message carries the limit. */
export class LimitError extends TilegradError {
  override name = "LimitError";
}

/** No WebGPU, a lost or destroyed device, or a validation error of the GPU (with the label of the kernel it met). */
export class DeviceError extends TilegradError {
  override name = "DeviceError";
}

/** NaN or infinity where numbers were expected: the message names the kernel and the tensor where it first arose. */
export class NonFiniteError extends TilegradError {
  override name = "NonFiniteError";
}

/** A file that is not what it claims to be. Nothing of it has been used. */
export class FormatError extends TilegradError {
  override name = "FormatError";
}

/** A value as messages quote it: short, whatever it is. A text in quotes, the first few elements of a list, an object by its class. */
export function quoted(value: unknown, deep = true): string {
  const most = deep ? 60 : 20;
  if (typeof value === "string") return JSON.stringify(value.length > most ? `${value.slice(0, most)}…` : value);
  if (Array.isArray(value)) {
    if (!deep) return "[…]";
    const first = value.slice(0, 8).map((item) => quoted(item, false));
    return `[${[...first, ...(value.length > 8 ? ["…"] : [])].join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    return kind === "Object" ? "an object" : withArticle(kind.slice(0, 60));
  }
  return typeof value === "function" ? "a function" : String(value).slice(0, 60);
}

export const withArticle = (name: string): string => `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;

/** Names as messages list them: the first ten, and how many more there are. */
export function listed(names: Iterable<string>): string {
  const all = [...names];
  const first = all.slice(0, 10).map((name) => (name.length > 60 ? `${name.slice(0, 60)}…` : name));
  return `${first.join(", ") || "none"}${all.length > 10 ? ` and ${all.length - 10} more` : ""}`;
}

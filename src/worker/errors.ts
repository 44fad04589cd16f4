import {
  AttributeError,
  DeviceError,
  DTypeError,
  FeedError,
  FormatError,
  LimitError,
  NonFiniteError,
  ShapeError,
  StateError,
  TilegradError,
} from "../errors.ts";
import { StoreError } from "../store/store.ts";

/** The classes that keep their identity on the way. Others arrive as an Error of the same name. */
const classes: Readonly<Record<string, new (message: string, options?: ErrorOptions) => Error>> = {
  AttributeError,
  DeviceError,
  DTypeError,
  FeedError,
  FormatError,
  LimitError,
  NonFiniteError,
  ShapeError,
  StateError,
  StoreError,
  TilegradError,
  RangeError,
  SyntaxError,
  TypeError,
};

/** An error as it travels: plain data. */
export interface Told {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly isDom: boolean;
  readonly cause?: Told;
}

/** An error, or whatever was thrown, as plain data. */
export function told(error: unknown): Told {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: undefined, isDom: false };
  const { name, message, stack, cause } = error;
  const isDom = typeof DOMException === "function" && error instanceof DOMException;
  return { name, message, stack, isDom, ...(cause !== undefined && { cause: told(cause) }) };
}

/** The error again, with its class, name, message, stack and cause. */
export function revived({ name, message, stack, isDom, cause }: Told): Error {
  const options = cause && { cause: revived(cause) };
  const error = isDom ? new DOMException(message, name) : new (classes[name] ?? Error)(message, options);
  for (const [key, value] of Object.entries({ name, stack }))
    if (value !== undefined && !isDom && error[key as "name"] !== value)
      Object.defineProperty(error, key, { value, configurable: true, writable: true });
  return error;
}

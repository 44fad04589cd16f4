import { DeviceError, LimitError, type TilegradError } from "../errors.ts";

const filters = ["internal", "validation", "out-of-memory"] as const;

/**
 * Acts on a device inside its own error scopes, so that errors are caught here and reach nobody else. A device has one
 * stack of scopes, which the app shares, so they are popped before any other code runs.
 *
 * @param call what the user called, for the message.
 * @param act must be synchronous: only errors of its synchronous part are caught.
 * @returns the value of `act`, and a promise of the error. A lost device gives none; it is reported separately.
 */
export function inScopes<T>(
  device: GPUDevice,
  call: string,
  act: () => T,
): { readonly value: T; readonly error: Promise<TilegradError | undefined> } {
  for (const filter of filters) device.pushErrorScope(filter);
  let value: T;
  let popped: Promise<GPUError | null>[];
  try {
    value = act();
  } finally {
    popped = filters.map(() => device.popErrorScope().catch(() => null));
  }
  return { value, error: first(call, popped) };
}

/** Like `inScopes`, but awaits: returns what `act` returns, or throws the error. */
export async function scoped<T>(device: GPUDevice, call: string, act: () => T | Promise<T>): Promise<T> {
  const { value, error } = inScopes(device, call, act);
  const [[outcome], failure] = await Promise.all([Promise.allSettled([value]), error]);
  if (failure) throw failure;
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}

/** Causes come before consequences: out of memory before the validation errors that follow from it. */
async function first(call: string, popped: readonly Promise<GPUError | null>[]): Promise<TilegradError | undefined> {
  const [exhausted, invalid, internal] = await Promise.all(popped);
  if (exhausted) return new LimitError(`${call}: the GPU has no memory left: ${exhausted.message}`);
  const error = invalid ?? internal;
  return error ? new DeviceError(`${call}: ${error.message}`) : undefined;
}

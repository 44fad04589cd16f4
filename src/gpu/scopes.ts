import { DeviceError, LimitError, type TilegradError } from "../errors.ts";

const filters = ["internal", "validation", "out-of-memory"] as const;

/**
 * Acts on a device inside error scopes of its own, so that what goes wrong is known here and reaches nobody else. The scopes of a device
 * are one stack that the app shares: they are closed before anybody else has a turn.
 *
 * @param call what the user called, for the message.
 * @param act is not asynchronous, as is what is caught.
 * @returns what `act` returned, and the error, once it is known. Of a lost device there is none: it says so by itself.
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

/** Like `inScopes`, for those who wait: gives what `act` gives, or throws the error. */
export async function scoped<T>(device: GPUDevice, call: string, act: () => T | Promise<T>): Promise<T> {
  const { value, error } = inScopes(device, call, act);
  const [[outcome], failure] = await Promise.all([Promise.allSettled([value]), error]);
  if (failure) throw failure;
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}

/** The cause comes before its consequences: no memory for a buffer before all that is invalid for want of it. */
async function first(call: string, popped: readonly Promise<GPUError | null>[]): Promise<TilegradError | undefined> {
  const [exhausted, invalid, internal] = await Promise.all(popped);
  if (exhausted) return new LimitError(`${call}: the GPU has no memory left: ${exhausted.message}`);
  const error = invalid ?? internal;
  return error ? new DeviceError(`${call}: ${error.message}`) : undefined;
}

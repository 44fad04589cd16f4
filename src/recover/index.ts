/** tilegrad/recover: a lost device does not stop training. */

import { checkHas, checkNumber, optionsOf, refuse, StateError } from "../errors.ts";
import { Runner } from "../runtime/runner.ts";
import { type RecoverOptions, Recovery } from "./recovery.ts";

export type { RecoveryEvents, Restored } from "./events.ts";
export type { RecoverOptions, Recovery };

/**
 * Makes an engine survive the loss of its device: driver resets, crashes of the browser's GPU process,
 * `device.destroy()`. It opens a new device, compiles all kernels there, fills the variables from the last snapshot, and
 * tells. Programs, outputs and variables that the app holds stay valid.
 *
 * Call it before the first `compile`. It keeps a copy of all variables on the host, and needs as much GPU memory again
 * for staging them.
 * @param runner an engine, or a runner of tilegrad/exported.
 * @throws StateError if the engine already has a recovery.
 */
export function recover<P = unknown>(runner: Runner, options: RecoverOptions = {}): Recovery<P> {
  if (!(runner instanceof Runner)) refuse("recover", "the first argument", runner, "an engine");
  const all = optionsOf("recover", options, { everyMs: undefined, device: undefined, signal: undefined });
  const { everyMs, device, signal } = all;
  if (everyMs !== undefined) checkNumber("recover", "everyMs", everyMs, "a number from 0", (ms) => ms >= 0);
  checkHas("recover", "device", device, "call", "a function that opens a device");
  checkHas("recover", "signal", signal, "addEventListener", "an AbortSignal");
  if (runner.keeper) throw new StateError("recover: the engine already has a recovery");
  return new Recovery<P>(runner, all as RecoverOptions);
}

import { DeviceError } from "../errors.ts";
import type { OpenDevice } from "../gpu/device.ts";
import { LiveDevice } from "../gpu/live.ts";
import { inScopes } from "../gpu/scopes.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import type { Program } from "../runtime/program.ts";
import type { Recorded } from "../runtime/recorded.ts";
import { nameOf, type Runner } from "../runtime/runner.ts";

/** What programs were compiled for, as far as an adapter determines it. */
const compiledFor = new WeakMap<Recorded, string>();

function keyOf(traits: AdapterTraits): string {
  const features = [...traits.features].sort();
  return JSON.stringify({ ...traits, features, tuned: 0, timed: 0, forced: 0, avoid: 0, extra: 0 });
}

/** Notes which adapter the programs were compiled for. Call it while their device is still the runner's. */
export function note({ programs, traits }: Runner): void {
  for (const { compiled } of programs.keys()) if (!compiledFor.has(compiled)) compiledFor.set(compiled, keyOf(traits));
}

/**
 * Makes everything that the runner has anew on another device. Where the adapter can do the same, the same kernels run
 * again; otherwise programs are compiled again from their descriptions.
 * @param advice for errors when the new device is lost, too.
 * @param fill fills the arenas.
 * @returns programs that cannot run there, and why.
 * @throws DeviceError when the new device is lost, LimitError when it has no memory for the variables.
 */
export async function rebuild(runner: Runner, open: OpenDevice, advice: string, fill: () => void): Promise<Error[]> {
  const { extra, tuned, timed, forced, avoid } = runner.traits;
  const traits = { ...open.traits, extra, tuned, timed, forced, avoid };
  const key = keyOf(traits);
  const live = new LiveDevice({ ...open, traits });
  live.advice = advice;
  runner.live.close(runner.fault!);
  runner.live = live;
  const { error } = inScopes(live.device, "recover", () => {
    runner.residence.renew();
    fill();
  });
  const refusal = await live.until(error);
  if (refusal) throw refusal;
  const failed: Error[] = [];
  const move = async (program: Program) => {
    const { compiled } = program;
    const old = program.memories.own;
    try {
      const next = compiledFor.get(compiled) === key ? compiled : anew(compiled);
      await runner.realize(next, program);
      if (next !== compiled) runner.residence.leave(compiled);
    } catch (cause) {
      live.check();
      if (!runner.programs.has(program)) return; // Destroyed in the meantime.
      const why = `${nameOf(compiled)} cannot be resumed on ${open.name}: ${(cause as Error).message}`;
      program.fault = new DeviceError(why, { cause });
      failed.push(program.fault);
    } finally {
      for (const buffer of old) buffer.destroy();
    }
  };
  /** Ahead-of-time programs have no description: they run as they are, if they can. */
  const anew = (compiled: Recorded): Recorded => {
    const next = compiled.again?.(traits, runner.residence.homes);
    if (next) compiledFor.set(next, key);
    return next ?? compiled;
  };
  await Promise.all([...runner.programs.keys()].map(move));
  live.check();
  return failed;
}

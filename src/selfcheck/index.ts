import type { DeviceOptions } from "../gpu/device.ts";
import { evaluate } from "../reference/index.ts";
import { Engine } from "../runtime/engine.ts";
import { type Problem, problems } from "./problems.ts";

/** A kernel variant whose results differ from the reference on this device. */
export interface Fault {
  readonly family: string;
  readonly variant: string;
  /** Output of the problem that differs, and how; or the error that compiling or running gave. */
  readonly detail: string;
}

export interface Report {
  readonly adapter: string;
  /** What was run, as `family/variant`. */
  readonly checked: readonly string[];
  readonly faults: readonly Fault[];
}

/** Relative to 1 + |value|: what WGSL's built-in functions and sums in another order may cost. */
const tolerance = 2e-4;

/**
 * Runs every kernel family in every variant on the user's own device and compares with the float64 reference: a few seconds. Drivers
 * differ; this names what to avoid. `Engine.create({ selfCheck: true })` does so and avoids it.
 * @param options where to get the device from, as for `Engine.create`.
 */
export async function selfCheck(options: DeviceOptions = {}): Promise<Report> {
  const engine = await Engine.create(options);
  const { device, adapter } = engine;
  const checked: string[] = [];
  const faults: Fault[] = [];
  for (const problem of problems()) {
    for (const variant of problem.variants.length > 0 ? problem.variants : ["only"]) {
      const detail = await faultOf(problem, variant, device);
      if (detail === "absent") continue;
      checked.push(`${problem.family}/${variant}`);
      if (detail) faults.push({ family: problem.family, variant, detail });
    }
  }
  engine.destroy();
  return { adapter, checked, faults };
}

/** What is wrong with a variant: nothing, or "absent" where it does not fit this adapter. */
async function faultOf(
  { family, outputs, feeds }: Problem,
  variant: string,
  device: GPUDevice,
): Promise<string | undefined> {
  const engine = await Engine.create({ device, variants: { [family]: variant } });
  try {
    const program = await engine.compile({ outputs });
    const { kernels } = program.inspect();
    if (variant !== "only" && !kernels.some((kernel) => kernel.family === family && kernel.variant === variant))
      return "absent";
    await program.run(feeds);
    for (const [name, { data }] of Object.entries(evaluate(outputs, { inputs: feeds }))) {
      const got = await program.outputs[name]!.data();
      const at = data.findIndex((value, i) => !(Math.abs(got[i]! - value) <= tolerance * (1 + Math.abs(value))));
      if (at >= 0) return `${name}[${at}] is ${got[at]}, expected ${data[at]}`;
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    engine.destroy();
  }
}

import type { DeviceOptions } from "../gpu/device.ts";
import type { Forced } from "../kernels/traits.ts";
import { evaluate } from "../reference/index.ts";
import { Engine } from "../runtime/engine.ts";
import { type Problem, problems } from "./registry.ts";

export { unknownVariant } from "./registry.ts";

/** A kernel variant whose results differ from the reference on this device. */
export interface Fault {
  readonly family: string;
  readonly variant: string;
  /** The first output that differs, and how; or the error from compiling or running. */
  readonly detail: string;
}

/** What a check of all kernel variants found. */
export interface Report {
  readonly adapter: string;
  /** What was checked, as `family/variant`, and `family/variant:f16` where the adapter has f16. */
  readonly checked: readonly string[];
  readonly faults: readonly Fault[];
}

/**
 * Relative to 1 + |value|. Covers the error of WGSL's built-in functions and of sums in another order; in f16, a few
 * dozen roundings.
 */
const tolerance = { f32: 2e-4, f16: 2e-2 };

/**
 * Runs every kernel family in every variant on the user's device and compares it with the float64 reference, in a few
 * seconds. Drivers differ: the report names the variants to avoid, and `Engine.create({ selfCheck: true })` avoids
 * them.
 * @param options where to get the device, as for `Engine.create`.
 */
export async function selfCheck(options: DeviceOptions = {}): Promise<Report> {
  const engine = await Engine.create(options);
  try {
    return await checkOn(engine);
  } finally {
    engine.destroy();
  }
}

async function checkOn({ device, adapter, traits }: Engine): Promise<Report> {
  const checked: string[] = [];
  const faults: Fault[] = [];
  for (const dtype of traits.features.has("shader-f16") ? (["f32", "f16"] as const) : (["f32"] as const)) {
    for (const problem of problems(dtype)) {
      const { name: family, variants } = problem.family;
      for (const { name: variant } of variants) {
        const detail = await faultOf(problem, variant, device, tolerance[dtype], steering(faults, checked));
        if (detail === "absent") continue;
        const mark = dtype === "f16" ? ":f16" : "";
        checked.push(`${family}/${variant}${mark}`);
        const known = faults.some((fault) => fault.family === family && fault.variant === variant);
        if (detail && !known) faults.push({ family, variant, detail: mark ? `in f16: ${detail}` : detail });
      }
    }
  }
  return { adapter, checked, faults };
}

/**
 * Sound variants for families with a faulty one, and definitions where these do not fit, so that a fault does not show up
 * in families that build on its family, or in variants that run beside it.
 */
function steering(faults: readonly Fault[], checked: readonly string[]): Forced {
  const wrong = new Set(faults.map(({ family, variant }) => `${family}/${variant}`));
  const sound = faults.flatMap(({ family }) => {
    const found = checked.find((name) => name.startsWith(`${family}/`) && !name.includes(":") && !wrong.has(name));
    return found ? [[family, { ifFits: found.slice(family.length + 1) }] as const] : [];
  });
  return { ...(faults.length > 0 && { "*": { ifFits: "naive" } }), ...Object.fromEntries(sound) };
}

/** What is wrong with a variant: `undefined` for nothing, "absent" where it does not fit this adapter. */
async function faultOf(
  { family, within, outputs, feeds }: Problem,
  variant: string,
  device: GPUDevice,
  tolerance: number,
  sound: Forced,
): Promise<string | undefined> {
  const engine = await Engine.create({ device, variants: { ...sound, ...within, [family.name]: { ifFits: variant } } });
  try {
    const program = await engine.compile({ outputs }, { merge: false });
    const { kernels } = program.inspect();
    if (!kernels.some((kernel) => kernel.family === family.name && kernel.variant === variant)) return "absent";
    const results = await program.compute(feeds);
    for (const [name, { data }] of Object.entries(evaluate(outputs, { inputs: feeds }))) {
      const got = results[name]!;
      const at = data.findIndex((value, i) => !(Math.abs(got[i]! - value) <= tolerance * (1 + Math.abs(value))));
      if (at >= 0) return `${name}[${at}] is ${got[at]}, expected ${data[at]}`;
    }
    return undefined;
  } catch (error) {
    engine.check(); // A lost device is not the variant's fault.
    return (error as Error).message;
  } finally {
    engine.destroy();
  }
}

import { compile } from "../../src/compile/compile.ts";
import type { Home } from "../../src/compile/homes.ts";
import type { KernelOptions, Variable } from "../../src/index.ts";
import type { PrintedCall } from "../../src/kernels/call.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import type { NetworkName } from "./settings.ts";
import type { trainingStep } from "./step.ts";

/** A kernel of the training step, by the place among those of its family, in a variant of that family. */
export interface Chosen {
  readonly network: NetworkName;
  readonly family: string;
  readonly variant: string;
  readonly place: number;
}

/** Another kernel for the training step: a variant, or a text of the visitor's in its place. */
export interface Replacement extends Chosen {
  readonly wgsl?: string;
}

/** A kernel of the training step, as the page shows it. */
export interface StepKernel extends Chosen {
  readonly label: string;
  readonly layer: string;
  readonly workgroups: readonly [number, number, number];
  readonly wgsl: string;
  /** The variants of its family that fit. */
  readonly variants: readonly string[];
}

/** How a training step is compiled with a replacement. */
export function optionsOf({ family, variant, place, wgsl }: Replacement): KernelOptions {
  let seen = 0;
  return {
    variants: { [family]: { ifFits: variant } },
    replaceKernel: (kernel) => (kernel.family === family && seen++ === place ? wgsl : undefined),
  };
}

/** The kernels of a network's training step, in order. @param homes where its variables are, if they are anywhere. */
export function stepKernels(
  network: NetworkName,
  step: ReturnType<typeof trainingStep>,
  traits: AdapterTraits,
  homes: ReadonlyMap<Variable, Home> = new Map(),
): readonly StepKernel[] {
  const { calls } = compile(step, traits, homes, { merge: false });
  const seen = new Map<string, number>();
  return calls.map((call): StepKernel => {
    const { family, variant, label, layer = "", workgroups, wgsl, annotated } = call;
    const place = seen.get(family) ?? 0;
    seen.set(family, place + 1);
    const chosen = { network, family, variant, place };
    return { ...chosen, label, layer, workgroups, wgsl: annotated?.() ?? wgsl, variants: variantsOf(call) };
  });
}

function variantsOf({ family, variant, choices = [] }: PrintedCall): readonly string[] {
  const choice = choices.find(({ problem }) => problem.startsWith(`${family} `));
  const fitting = choice?.variants.filter(({ lacks }) => lacks === undefined);
  return fitting?.map(({ variant }) => variant) ?? [variant];
}

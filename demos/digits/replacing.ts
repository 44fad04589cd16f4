import { batch, computed, effect, signal, untracked } from "@preact/signals";
import type { CompilerError } from "../../src/kernels/call.ts";
import { mostPacked, pack, unpack } from "../parts/pack.ts";
import { networksOf, ownChoice } from "./settings.ts";
import { ask, exam, kernels, replacement, settings, speed, step, subject } from "./state.ts";
import type { Chosen, Replacement, StepKernel } from "./stepKernels.ts";

/** The kernels of the training step, with the variant of the chosen one's family. */
export const list = signal<readonly StepKernel[]>([]);
/** The compiler's errors in the text being typed; undefined while it compiles. */
export const faults = signal<readonly CompilerError[] | undefined>(undefined);
/** Why the last replacement was refused. */
export const refusal = signal<string | undefined>(undefined);

/** The last figures of the training, with tilegrad's own kernels and with the visitor's. */
export interface Figures {
  readonly speed: number | undefined;
  readonly accuracy: number | undefined;
  readonly step: number;
}

export const figures = signal<Readonly<Partial<Record<"own" | "yours", Figures>>>>({});

effect(() => {
  const at = step.value;
  if (!at) return;
  const { network } = kernels.value.kernel ?? {};
  const accuracy = network && exam.value?.[network]?.test.accuracy;
  const kind = replacement.value ? "yours" : "own";
  figures.value = { ...figures.peek(), [kind]: { speed: speed.value, accuracy, step: at } };
});

const isSame = (a: Chosen | undefined, b: Chosen | undefined): boolean =>
  a?.network === b?.network && a?.family === b?.family && a?.variant === b?.variant && a?.place === b?.place;

/** The kernel that is shown. */
export const shown = (): StepKernel | undefined => list.value.find((one) => isSame(one, kernels.value.kernel));

/** The last replacement, whether it compiled or not. */
const tried = signal<Replacement | undefined>(undefined);

/** Whether the kernel of the address is still to come. */
export const isStarting = computed(() => kernels.value.use === 1 && tried.value === undefined);

/** The visitor's last text for a kernel, if there is one. */
export const textOf = (kernel: Chosen): string | undefined =>
  isSame(kernel, tried.value) ? tried.value!.wgsl : undefined;

/** What the list depends on: these settings, and the variant of the chosen family. */
const listed = computed(() => {
  const { family, variant } = kernels.value.kernel ?? {};
  return step.value === undefined || !family ? "" : [subject.value, family, variant, settings.value.dropout].join();
});
effect(() => {
  if (listed.value !== "") void untracked(load);
});

/** Loads the kernels of the training step, and shows one that is there. */
async function load(): Promise<void> {
  const before = listed.value;
  const wanted = kernels.value.kernel!;
  const forced = wanted.variant === ownChoice ? undefined : wanted;
  const found = await ask(({ methods }) =>
    // The address may name a variant that this version does not have.
    methods.kernels(subject.value, forced).catch(() => methods.kernels(subject.value)),
  );
  if (!found || listed.value !== before) return;
  const ofFamily = found.filter(({ family }) => family === wanted.family);
  const next = ofFamily[kernels.value.kernel!.place] ?? ofFamily[0] ?? found[0];
  batch(() => {
    list.value = found;
    if (next) choose(next);
  });
}

/** Shows a kernel. The training goes on as it is. */
export function choose({ network, family, variant, place }: Chosen): void {
  const kernel = { network, family, variant, place };
  if (isSame(kernel, kernels.value.kernel)) return;
  faults.value = undefined;
  kernels.value = { ...kernels.value, kernel };
}

/** The compiler's errors in a text. */
export async function faultsIn(wgsl: string): Promise<readonly CompilerError[]> {
  const found = (await ask(({ methods }) => methods.errors(wgsl))) ?? [];
  faults.value = found;
  return found;
}

/** Goes on with another kernel, or with tilegrad's own. */
export async function replace(wanted: Replacement | undefined): Promise<void> {
  if (wanted) tried.value = wanted;
  const fault = await ask(({ methods }) =>
    methods.replace(wanted).then(
      () => "",
      (error: Error) => error.message,
    ),
  );
  if (fault === undefined) return;
  const text = wanted?.wgsl === undefined ? "" : await pack(wanted.wgsl);
  batch(() => {
    refusal.value = fault || undefined;
    if (!fault) {
      replacement.value = wanted;
      kernels.value = { ...kernels.value, use: wanted ? 1 : 0, text: text.length <= mostPacked ? text : "" };
    } else if (!replacement.value) kernels.value = { ...kernels.value, use: 0, text: "" };
  });
}

/** Trains with the kernel of the address. */
export async function begin(): Promise<void> {
  const { kernel, text } = kernels.value;
  if (!kernel || !networksOf(settings.value).includes(kernel.network)) {
    kernels.value = { ...kernels.value, use: 0, text: "" };
    return;
  }
  const wgsl = text === "" ? undefined : await unpack(text);
  await replace({ ...kernel, ...(wgsl !== undefined && { wgsl }) });
}

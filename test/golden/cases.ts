import { parseSafetensors } from "../../src/io/safetensors.ts";
import { goldenDir, readFile } from "../files.ts";

/** A case of `manifest.json`; README.md beside it explains the fields. */
export interface GoldenCase {
  readonly name: string;
  readonly family: string;
  readonly op: string;
  // biome-ignore lint/suspicious/noExplicitAny: each op has attributes of its own
  readonly attrs: Readonly<Record<string, any>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly upstream: readonly (string | null)[];
  readonly grads: readonly (string | null)[];
  readonly rtol: number;
  readonly atol: number;
  readonly tags: readonly string[];
  readonly file: string;
}

/** A training run of `manifest.json`. */
export interface Trajectory {
  readonly name: string;
  readonly model: string;
  readonly architecture: string;
  // biome-ignore lint/suspicious/noExplicitAny: each architecture has a configuration of its own
  readonly config: Readonly<Record<string, any>>;
  readonly loss: string;
  readonly steps: number;
  // biome-ignore lint/suspicious/noExplicitAny: each optimizer has options of its own
  readonly optimizer: Readonly<Record<string, any>> & { readonly name: string };
  // biome-ignore lint/suspicious/noExplicitAny: each schedule has options of its own
  readonly scheduler: (Readonly<Record<string, any>> & { readonly name: string }) | null;
  readonly clip: { readonly type: string; readonly max_norm: number; readonly clip_value: number } | null;
  readonly init: string;
  readonly data: string;
  readonly expected: string;
  readonly batches: number;
  readonly loss_rtol: number;
  readonly loss_atol: number;
  readonly step1_rtol: number;
  readonly step1_atol: number;
  readonly rtol: number;
  readonly atol: number;
  readonly losses: readonly number[];
  readonly lr: readonly number[];
  /** Before clipping; only with clipping by norm. */
  readonly grad_norms: readonly number[] | null;
}

/** A model of `manifest.json`: its results before any training. */
export interface GoldenModel {
  readonly name: string;
  readonly architecture: string;
  readonly config: Trajectory["config"];
  readonly loss: string;
  readonly init: string;
  readonly data: string;
  readonly loss0: number;
  readonly rtol: number;
  readonly atol: number;
}

export interface Manifest {
  readonly cases: readonly GoldenCase[];
  readonly models: readonly GoldenModel[];
  readonly trajectories: readonly Trajectory[];
}

/** A tensor of the reference files. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export async function readManifest(): Promise<Manifest> {
  return JSON.parse(new TextDecoder().decode(await readFile(`${goldenDir}/manifest.json`)));
}

const files = new Map<string, Promise<ReadonlyMap<string, GoldenTensor>>>();

/** All tensors of a reference file by name. Reads each file once. */
export function readTensors(file: string): Promise<ReadonlyMap<string, GoldenTensor>> {
  const known = files.get(file);
  if (known) return known;
  const tensors = readFile(`${goldenDir}/${file}`).then((bytes) => {
    const entries = [...parseSafetensors(bytes, file).tensors].map(([name, { shape, data }]) => {
      // PyTorch counts batches in 64 bits.
      const narrow = data instanceof BigInt64Array ? Int32Array.from(data, Number) : data;
      return [name, { shape, data: narrow } as GoldenTensor] as const;
    });
    return new Map(entries);
  });
  files.set(file, tensors);
  return tensors;
}

/** Files too large for this repository. Their cases run if `GOLDEN_DIR` has them. */
const leftOut = ["reduction_long.safetensors"];

/** Which of those files are missing. */
export async function absentFiles(): Promise<readonly string[]> {
  const found = await Promise.allSettled(leftOut.map(readTensors));
  return leftOut.filter((_, i) => found[i]!.status === "rejected");
}

/** The last part of a tensor's name: its argument or result. */
export const roleOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

/**
 * Describes the first element further than `atol + rtol · |want|` from the expected value; `undefined` if there is
 * none. An infinity must match exactly, and so must integers (rtol = atol = 0).
 */
export function firstMiss(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  rtol: number,
  atol: number,
): string | undefined {
  if (got.length !== want.length) return `${got.length} elements, expected ${want.length}`;
  let misses = 0;
  let first = "";
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i]!, want[i]!];
    if (g === w || (Number.isFinite(w) && Math.abs(g - w) <= atol + rtol * Math.abs(w))) continue;
    if (misses++ === 0) first = `[${i}] is ${g}, expected ${w}`;
  }
  return misses === 0 ? undefined : `${first} (${misses} of ${want.length} miss)`;
}

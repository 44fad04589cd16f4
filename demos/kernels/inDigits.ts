import type { NetworkName } from "../digits/settings.ts";
import type { Problem } from "./rows.ts";

/** Where the training of the digits page runs a kernel. */
export interface InDigits {
  readonly network: NetworkName;
  /** As in that page's address. */
  readonly kernel: string;
  /** Whether its text there is the same, without dropout. */
  readonly isSame: boolean;
}

/** Problems that are in a step of that training just as they are here, each with its place among those of its family. */
export const sameProblems: Readonly<Record<string, readonly [network: NetworkName, place: number]>> = {
  "linear 50-784-128": ["mlp", 0],
  "conv2d-layer 50-1-28-8-5-2": ["cnn", 0],
  "conv2d-layer 50-8-14-16-5-0": ["cnn", 1],
  "max-pool 50-8-28-2": ["cnn", 0],
  "max-pool 50-16-10-2": ["cnn", 1],
};

/** Networks in whose step a family runs. */
export const networksOf: Readonly<Record<string, NetworkName>> = {
  matmul: "mlp",
  softmax: "mlp",
  reduce: "mlp",
  elementwise: "mlp",
  conv2d: "cnn",
  conv2dWeightGrad: "cnn",
  maxPool2d: "cnn",
  maxPool2dGrad: "cnn",
};

/** Where the training of the digits page runs a variant's only kernel, or another one of its family. */
export function inDigits({ work, sizes, nan }: Problem, family: string, variant: string): InDigits | undefined {
  const same = nan ? undefined : sameProblems[`${work} ${sizes.join("-")}`];
  const [network, place] = same ?? [networksOf[family], 0];
  return network && { network, kernel: [network, family, variant, place].join("."), isSame: same !== undefined };
}

import { checkChoice, checkWhole, refuse } from "../errors.ts";
import type { KernelSettings } from "./kernel.ts";

/** How kernels run: options of all searches. */
export type How = Pick<KernelSettings, "subgroupSize" | "order" | "outside" | "maxSteps">;

const defaults: How = { subgroupSize: 32, order: "forward", outside: "zero", maxSteps: 2 ** 30 };

/** Checks how kernels are to run. */
export function checkHow(op: string, given: { readonly [K in keyof How]?: How[K] | undefined }): How {
  const { subgroupSize = defaults.subgroupSize, order = defaults.order } = given;
  const { outside = defaults.outside, maxSteps = defaults.maxSteps } = given;
  if (![4, 8, 16, 32, 64, 128].includes(subgroupSize))
    refuse(op, "subgroupSize", subgroupSize, "a power of two from 4 to 128");
  if (typeof order === "number") checkWhole(op, "order", order, 0);
  else checkChoice(op, "order", order, ["forward", "reversed"]);
  checkChoice(op, "outside", outside, ["zero", "last"]);
  checkWhole(op, "maxSteps", maxSteps);
  return { subgroupSize, order, outside, maxSteps };
}

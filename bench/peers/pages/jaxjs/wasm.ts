import { library, type Work } from "../work.ts";
import { kernels } from "./kernels.ts";
import { open } from "./open.ts";
import * as steps from "./steps.ts";

export const make = library(() => open("wasm"), { ...kernels, ...steps });
export const finish = async (work: Work): Promise<void> => {
  await work.ready?.();
};

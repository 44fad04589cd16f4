import { createGPU } from "../src/node/index.ts";

/** WebGPU to measure: a GPU if there is one, else a software adapter. `TILEGRAD_ADAPTER` chooses another. */
export const openWebGPU = (): Promise<GPU> =>
  process.env["TILEGRAD_ADAPTER"]
    ? createGPU()
    : createGPU({ adapter: "hardware" }).catch(() => createGPU({ adapter: "software" }));

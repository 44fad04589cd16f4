import { watchWebGPU } from "../device.ts";
import { library } from "../work.ts";
import { kernels } from "./kernels.ts";
import * as steps from "./steps.ts";
import { open } from "./train.ts";

const device = watchWebGPU();

export const make = library(open, { ...kernels, ...steps });
export const finish = () => device.done();

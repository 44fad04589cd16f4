import { watchWebGPU } from "../device.ts";
import { library } from "../work.ts";
import { kernels } from "./kernels.ts";
import { open } from "./open.ts";
import * as steps from "./steps.ts";

const device = watchWebGPU();

export const make = library(() => open("webgpu"), { ...kernels, ...steps });
export const finish = () => device.done();

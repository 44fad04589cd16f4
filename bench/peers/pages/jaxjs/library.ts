import { library } from "../work.ts";
import { kernels } from "./kernels.ts";
import * as steps from "./steps.ts";
import { open } from "./train.ts";

export const make = library(open, { ...kernels, ...steps });

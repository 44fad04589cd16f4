import { ladders } from "./cases/ladders.ts";
import type { Plan } from "./measure/suite.ts";
import { workloads } from "./workloads.ts";

/** What `npm run bench -- --speed` and the page Speed test measure, beside the adapter itself. */
export const speedTest: Plan = { kernels: ladders, steps: workloads };

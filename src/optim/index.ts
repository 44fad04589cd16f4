export { type AdamOptions, adam, adamW } from "./adam.ts";
export { Optimizer, parametersOf } from "./optimizer.ts";
export { type SgdOptions, sgd } from "./sgd.ts";

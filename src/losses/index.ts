/** Losses with PyTorch's definitions. Each returns a scalar, or one value per element with `reduction: "none"`. */
export { bce, bceWithLogits, hinge, squaredHinge, type WeightedOptions } from "./binary.ts";
export { type ClassOptions, type CrossEntropyOptions, crossEntropy } from "./classes.ts";
export { cosineEmbedding, type KlDivOptions, klDiv } from "./distance.ts";
export { nll } from "./nll.ts";
export type { LossOptions, Reduction } from "./reduction.ts";
export { huber, l1, mse, msle, smoothL1 } from "./regression.ts";

/** tilegrad/torch: training runs and graphs as programs for PyTorch. */

export { exportTorch, type Inputs, type SampleInput, type TorchFiles, type TorchOptions } from "./export.ts";
export { torchFunction } from "./graph.ts";
export { parseStateDict, type StateDictOptions } from "./stateDict.ts";

/** tilegrad/model: models to look at, to describe and to share. */

export { loadModel, type ModelFile, type ModelFileOptions, type SampleSpec, saveModel } from "./file.ts";
export type { LayerJSON, ModelJSON, ValueJSON } from "./format.ts";
export { type FromJSONOptions, fromJSON } from "./fromJSON.ts";
export { type Constructor, type Constructors, custom, type Layer, type Model } from "./layers.ts";
export type { Costs, LayerSummary, Summary } from "./report.ts";
export { type InputSpec, type SummaryOptions, summary } from "./summary.ts";
export { toJSON } from "./toJSON.ts";

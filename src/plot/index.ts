export { type ConfusionOptions, type Counts, confusionMatrix } from "./confusion.ts";
export { type CurveOptions, type Curves, learningCurves } from "./curves.ts";
export { type HistogramOptions, histogram } from "./histogram.ts";
export { imageGrid } from "./images.ts";
export type { ImageGridOptions } from "./pixels.ts";
export { confusionMatrixText } from "./text/confusion.ts";
export { type CurveTextOptions, learningCurvesText } from "./text/curves.ts";
export { type HistogramTextOptions, histogramText } from "./text/histogram.ts";
export { type ImageGridTextOptions, imageGridText } from "./text/images.ts";

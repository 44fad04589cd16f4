export { fromImageData, type Pixels } from "./host.ts";
export type { ImageOptions } from "./options.ts";
export { type ImageReader, imageReader } from "./reader.ts";
export type { Fit } from "./resample.ts";
export type { ImageSource } from "./source.ts";

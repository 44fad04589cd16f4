export type { Bytes } from "../bytes.ts";
export type { DataArray, TypedArray } from "../dataset.ts";
export type { NpyDType } from "./elements.ts";
export { type NpyArray, type NpyOptions, parseNpy, type SerializeNpyOptions, serializeNpy } from "./npy.ts";
export { type NpzOptions, parseNpz, type SerializeNpzOptions, serializeNpz } from "./npz.ts";

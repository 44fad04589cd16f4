export { type ChunkOptions, type MapOptions, type ShuffleOptions, type Source, Stream, stream } from "./stream.ts";

import type { KernelCase } from "./case.ts";
import { conv3x3, convolution, large, layerNormOf, plain, softmaxOf, sumOf } from "./graphs.ts";
import { characters } from "./sequences.ts";

/** A few families, each from its definition up: what a speed test shows. */
export const ladders: readonly KernelCase[] = [
  plain(512, 512, 512),
  large(2048),
  convolution(conv3x3),
  softmaxOf(1024),
  sumOf(1024),
  layerNormOf(1024),
  characters("lstm", "forward"),
];

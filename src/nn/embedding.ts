import { checkLike, checkWhole, optionsOf } from "../errors.ts";
import { embedding as embeddingOp } from "../ops/network/embedding.ts";
import { variable } from "../ops/sources/constants.ts";
import { type Initializer, normal } from "./init.ts";
import { type Module, module } from "./module.ts";

/** Options of `embedding`. */
export interface EmbeddingOptions {
  /** Index of a row that starts as zeros and gets no gradient; default none. */
  readonly paddingIdx?: number;
  /** Initial values `[count, size]`; default normal with standard deviation 1, as in PyTorch. */
  readonly weightInit?: Initializer;
}

/**
 * A table of learned vectors: i32 indices `[…]` from 0 to count − 1 → `[…, size]`. Variable `weight` `[count, size]`.
 */
export function embedding(count: number, size: number, options: EmbeddingOptions = {}): Module {
  const { paddingIdx, weightInit } = optionsOf("nn.embedding", options, {
    paddingIdx: undefined,
    weightInit: undefined,
  });
  for (const [name, value] of Object.entries({ count, size })) checkWhole("nn.embedding", name, value);
  if (paddingIdx !== undefined) checkWhole("nn.embedding", "paddingIdx", paddingIdx, 0, count - 1);
  if (weightInit !== undefined) checkLike("nn.embedding", "weightInit", weightInit, normal);
  const padded = () =>
    normal(1)([count, size])
      .values()
      .fill(0, paddingIdx! * size, (paddingIdx! + 1) * size);
  const first = paddingIdx === undefined || weightInit ? (weightInit ?? normal(1))([count, size]) : padded();
  const weight = variable(first, [count, size], { name: "weight" });
  const padding = paddingIdx === undefined ? {} : { paddingIdx };
  return module((indices) => embeddingOp(indices, weight, padding), { weight }, "nn.embedding", [count, size, padding]);
}

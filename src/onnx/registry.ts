import type { OpRow } from "./node.ts";
import { attentions } from "./ops/attention.ts";
import { convolution } from "./ops/convolution.ts";
import { einsums } from "./ops/einsum.ts";
import { elementwise } from "./ops/elementwise.ts";
import { flow } from "./ops/flow.ts";
import { sampling } from "./ops/gridSample.ts";
import { indexing } from "./ops/indexing.ts";
import { logic } from "./ops/logic.ts";
import { losses } from "./ops/losses.ts";
import { normalization } from "./ops/normalization.ts";
import { pooling } from "./ops/pooling.ts";
import { products } from "./ops/products.ts";
import { recurrence } from "./ops/recurrent.ts";
import { reductions } from "./ops/reductions.ts";
import { resizing } from "./ops/resize.ts";
import { scattering } from "./ops/scatter.ts";
import { shapes } from "./ops/shapes.ts";
import { sources } from "./ops/sources.ts";

/** Every op that can be imported. The table in the guide is made from this list. */
export const registry: readonly OpRow[] = [
  elementwise,
  logic,
  sources,
  shapes,
  indexing,
  reductions,
  products,
  einsums,
  convolution,
  pooling,
  normalization,
  resizing,
  sampling,
  scattering,
  attentions,
  losses,
  recurrence,
  flow,
].flat();

/** Oldest and newest version of the operator set. */
export const opsets = [1, 27] as const;

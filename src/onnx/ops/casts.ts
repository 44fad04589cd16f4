import type { Tensor } from "../../graph/tensor.ts";
import { add, cast, mod, ne, sub } from "../../ops/index.ts";
import { type ElementType, elements, isFloat } from "../elements.ts";

/** An integer of fewer than 32 bits after arithmetic in 32: only its own bits are kept. */
export function wrapped(type: ElementType, x: Tensor): Tensor {
  const { range, bytes } = elements[type];
  if (!range || bytes > 2 || type === "bool") return x;
  const [low, high] = range;
  return add(mod(sub(x, low), high - low + 1), low);
}

/** A tensor as another type. */
export function converted(x: Tensor, from: ElementType, to: ElementType): Tensor {
  if (from === to) return x;
  if (to === "bool") return ne(x, 0);
  const y = cast(x, elements[to].dtype);
  return isFloat(to) ? y : wrapped(to, y);
}

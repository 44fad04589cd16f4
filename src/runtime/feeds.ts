import type { Lowered } from "../compile/lower.ts";
import { checkObject, FeedError, noSuch } from "../errors.ts";
import { misfit } from "../graph/host.ts";
import type { TensorData } from "../graph/tensor.ts";

/** Values for a program's inputs, by name: row-major, in the input's shape. */
export type Feeds = Readonly<Record<string, TensorData>>;

/** Checks feeds before anything is written: names, element types, sizes, integer ranges. */
export function checkFeeds({ inputs, bounds }: Pick<Lowered, "inputs" | "bounds">, feeds: Feeds): void {
  const names = [...inputs.keys()];
  checkObject("run", "the argument", feeds, `{ ${names.join(", ")} }`);
  for (const name of Object.keys(feeds))
    if (!inputs.has(name)) throw new FeedError(`run: ${noSuch("input", name, names)}`);
  for (const [name, { tensor }] of inputs) {
    const data = feeds[name]!;
    const fault = misfit(data, tensor);
    if (fault) throw new FeedError(`run: input "${name}" ${fault}`);
    const range = bounds.get(name);
    if (!range) continue;
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      if ((value >= range.low && value <= range.high) || value === range.except) continue;
      throw new FeedError(
        `run: input "${name}" holds ${value} at position ${i}; ${range.op} takes ${range.low} to ${range.high}`,
      );
    }
  }
}

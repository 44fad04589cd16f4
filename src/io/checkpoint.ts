import type { Bytes } from "../data/bytes.ts";
import { AttributeError } from "../errors.ts";
import type { Variable } from "../graph/tensor.ts";
import type { Runner } from "../runtime/runner.ts";
import { type Named, variablesOf } from "./named.ts";
import { parseSafetensors } from "./safetensors.ts";
import { loadSafetensors, saveSafetensors } from "./weights.ts";

/**
 * Everything that a training run consists of, in parts. Those of `model` keep their own names, so that PyTorch finds its weights
 * in the file; those of any other part are saved as "part.name".
 */
export interface Training {
  /** The model, or `nn.stateDict(model)`. */
  readonly model: Named;
  /** For instance `optimizer: optimizer.state(weights)`, `random: new Map([["key", random.key]])`, states that are carried on. */
  readonly [part: string]: Named;
}

/**
 * A training run as one safetensors file: weights, moments, step counts, random keys. With the position in the data, which is the
 * caller's to put into `metadata`, a run that is loaded goes on as if it had never stopped, to the bit on one adapter.
 *
 * ```ts
 * const training = { model: weights, optimizer: optimizer.state(weights) };
 * const bytes = await io.saveCheckpoint(engine, training, { epoch: "3", batch: "120" });
 * const { epoch, batch } = io.loadCheckpoint(engine, training, bytes);
 * ```
 *
 * @throws AttributeError for two variables of one name.
 */
export async function saveCheckpoint(
  engine: Runner,
  training: Training,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return saveSafetensors(engine, together(training), metadata);
}

/**
 * Gives a run the values of a checkpoint. An optimizer knows its moments once `minimize` has met the parameters: load after that.
 * The whole file is checked first: one that does not fit changes nothing.
 *
 * @param bytes the whole file, an ArrayBuffer or a view of one.
 * @param name what error messages call the file, for instance its path.
 * @returns the file's metadata.
 * @throws FormatError naming the tensor that is missing, surplus, or of another shape or kind.
 */
export function loadCheckpoint(
  engine: Runner,
  training: Training,
  bytes: Bytes,
  name = "checkpoint",
): Record<string, string> {
  const { metadata } = parseSafetensors(bytes, name);
  loadSafetensors(engine, together(training), bytes, name);
  return metadata;
}

function together(training: Training): Map<string, Variable> {
  const all = new Map<string, Variable>();
  for (const [part, named] of Object.entries(training)) {
    for (const [own, variable] of variablesOf(`checkpoint, "${part}"`, named)) {
      const name = part === "model" ? own : `${part}.${own}`;
      if (all.has(name)) throw new AttributeError(`checkpoint: two variables are called "${name}"`);
      all.set(name, variable);
    }
  }
  return all;
}

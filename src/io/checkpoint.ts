import type { Bytes } from "../data/bytes.ts";
import { AttributeError } from "../errors.ts";
import type { Variable } from "../graph/tensor.ts";
import type { Runner } from "../runtime/runner.ts";
import { type Named, variablesOf } from "./named.ts";
import { parseSafetensors } from "./safetensors.ts";
import { loadSafetensors, saveSafetensors } from "./weights.ts";

/**
 * Everything that makes up a training run, in parts. Variables of `model` keep their own names, so that PyTorch finds
 * its weights in the file; those of any other part are saved as "part.name".
 */
export interface Training {
  /** The model, or `nn.stateDict(model)`. */
  readonly model: Named;
  /**
   * For instance `optimizer: optimizer.state(weights)`, `random: new Map([["key", random.key]])`, or a recurrent state.
   */
  readonly [part: string]: Named;
}

/**
 * Saves a training run as one safetensors file: weights, moments, step counts, random keys. Put the position in the
 * data into `metadata`. The loaded run then continues as if it had never stopped, bit for bit on the same adapter.
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
 * Loads a checkpoint into a training run. An optimizer has its moments only after `minimize`, so load after that. The
 * whole file is checked first: if it does not fit, nothing changes.
 *
 * @param bytes the whole file, an ArrayBuffer or a view of one.
 * @param name of the file in error messages, for instance its path.
 * @returns the file's metadata.
 * @throws FormatError for a tensor that is missing, unknown, or of another shape or type.
 */
export function loadCheckpoint(
  engine: Runner,
  training: Training,
  bytes: Bytes,
  name = "checkpoint",
): Record<string, string> {
  const { metadata } = parseSafetensors(bytes, name);
  loadSafetensors(engine, together(training), bytes, { name });
  return metadata;
}

/** All variables of a training run, by their names in a file. */
export function together(training: Training): Map<string, Variable> {
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

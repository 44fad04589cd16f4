import { checkWhole, FormatError, optionsOf, refuse } from "../errors.ts";
import { saveCheckpoint, type Training, together } from "../io/checkpoint.ts";
import { parseSafetensors } from "../io/safetensors.ts";
import { loadSafetensors } from "../io/weights.ts";
import type { Runner } from "../runtime/runner.ts";
import { locked } from "../store/browser.ts";
import { checkFileName, checkStore, type Store } from "../store/store.ts";
import { differences, type Rules, rulesOf } from "./differences.ts";
import { type Checkpoint, checkpointOf, fileName, newestFirst, version } from "./files.ts";
import { plainText, plainValue } from "./plain.ts";
import { damage, seal, unsealed } from "./seal.ts";

export type { Checkpoint };

/** What a run needs to go on, beside its variables. */
export interface Progress<P = unknown, H = unknown> {
  /** Steps taken. */
  readonly step: number;
  /** Where the run is in its data: an epoch, a batch, whatever the app needs. Plain data; default null. */
  readonly position: P;
  /** Losses and the like so far. Plain data; default null. */
  readonly history: H;
}

/** A checkpoint and what is in it. */
export interface Contents<P = unknown, H = unknown> extends Checkpoint, Progress<P, H> {
  /** The file: safetensors, which PyTorch reads, too. */
  readonly content: Uint8Array<ArrayBuffer>;
}

export interface CheckpointOptions {
  /** Name of the run: its files begin with it. */
  readonly name: string;
  /** How many checkpoints to keep; default 3. Older ones go once a newer one is complete. */
  readonly keep?: number;
  /** Told of each damaged file that is passed over; default `console.warn`. */
  readonly warn?: (message: string) => void;
}

const call = "checkpoints";

/**
 * The checkpoints of a run in a store.
 *
 * ```ts
 * const saves = checkpoints(opfsStore(), { name: "mnist", keep: 3 });
 * const training = { model, optimizer: optimizer.state(model.variables) };
 * const before = await saves.load(engine, training);
 * await saves.save(engine, training, { step, position: { epoch, batch }, history });
 * ```
 *
 * Every save is a file of its own with a checksum, so the last complete one is found whatever was interrupted. Several
 * tabs may save the same run: the newest counts.
 */
export const checkpoints = <P = unknown, H = unknown>(store: Store, options: CheckpointOptions): Checkpoints<P, H> =>
  new Checkpoints(store, options);

/** See `checkpoints`. */
export class Checkpoints<P = unknown, H = unknown> {
  readonly #store: Store;
  readonly #name: string;
  readonly #keep: number;
  readonly #warn: (message: string) => void;
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: Store, options: CheckpointOptions) {
    checkStore(call, store);
    const { name, keep, warn } = optionsOf(call, options, { name: undefined, keep: 3, warn: console.warn });
    checkFileName(call, name);
    if (name.length > 100) refuse(call, "name", name, "up to 100 characters");
    if (keep !== Infinity) checkWhole(call, "keep", keep);
    this.#store = store;
    this.#name = name;
    this.#keep = keep;
    this.#warn = warn;
  }

  /**
   * Saves a run: the variables with their values after everything submitted so far, which you may go on changing
   * meanwhile. Then removes the oldest checkpoints beyond `keep`. Saves follow one another, also from several tabs.
   * @throws StoreError if there is no room; older checkpoints are intact.
   * @throws AttributeError for a position or history that is not plain data, and for two variables of one name.
   */
  async save(
    engine: Runner,
    training: Training,
    progress: { readonly step: number; readonly position?: P; readonly history?: H },
  ): Promise<Checkpoint> {
    const { step, position, history } = optionsOf(`${call}.save`, progress, {
      step: undefined,
      position: undefined,
      history: undefined,
    });
    checkWhole(`${call}.save`, "step", step, 0);
    // The variables are read before the first await: the next step may change them.
    const saving = saveCheckpoint(engine, training, {
      ...unsealed,
      checkpoint: String(version),
      step: String(step),
      position: plainText(`${call}.save`, "position", position ?? null),
      history: plainText(`${call}.save`, "history", history ?? null),
      optimizers: JSON.stringify(rulesOf(training)),
    });
    const write = async (): Promise<Checkpoint> => {
      const content = await saving;
      await seal(content);
      const [before] = await this.list();
      // Later than any other, even if the clock was set back.
      const date = new Date(Math.max(Date.now(), (before?.date.getTime() ?? 0) + 1));
      const file = fileName(this.#name, step, date);
      await this.#store.write(file, content);
      for (const { file } of (await this.list()).slice(this.#keep)) await this.#store.remove(file);
      return { file, step, date, bytes: content.length, version };
    };
    const turn = () => locked(`tilegrad checkpoints ${this.#store.name} ${this.#name}`, write);
    const saved = this.#last.then(turn);
    this.#last = Promise.allSettled([saved, saving]);
    return saved;
  }

  /** All checkpoints of the run, newest first, without reading them. */
  async list(): Promise<readonly Checkpoint[]> {
    const all = await this.#store.list();
    return all.flatMap((entry) => checkpointOf(this.#name, entry) ?? []).sort(newestFirst);
  }

  /**
   * The newest checkpoint that is complete, with what is in it; `undefined` if there is none. Passes over damaged
   * files, with a warning that names them.
   * @throws FormatError if the newest is of a later version than this one reads.
   */
  async latest(): Promise<Contents<P, H> | undefined> {
    for (const checkpoint of await this.list()) {
      if (checkpoint.version > version) throw tooNew(checkpoint.file, checkpoint.version);
      const content = await this.#store.read(checkpoint.file);
      if (!content) continue; // Another tab has just removed it.
      const fault = await damage(content);
      if (!fault) return { ...checkpoint, ...contentsOf<P, H>(content, checkpoint.file) };
      this.#warn(`${call}: "${checkpoint.file}" in ${this.#store.name} ${fault}; the one before is used instead`);
    }
    return undefined;
  }

  /**
   * Loads a checkpoint into a run. An optimizer has its moments only after `minimize`, so load after that. The whole
   * file is checked first: if it does not fit, nothing changes.
   * @param from which one: a checkpoint of the list, or a file that the user uploaded; default the latest.
   * @returns what the checkpoint says of the run; `undefined` if there is none yet.
   * @throws FormatError that lists all that differs if it is of another model or optimizer; for a damaged file; for a
   * file of a later version.
   */
  async load(
    engine: Runner,
    training: Training,
    from?: Checkpoint | { readonly name: string; readonly bytes: Uint8Array },
  ): Promise<Progress<P, H> | undefined> {
    const found = from ? await this.#open(from) : await this.latest();
    if (!found) return undefined;
    const { file, content, step, position, history } = found;
    const { tensors, metadata } = parseSafetensors(content, file);
    const rules: Rules = JSON.parse(metadata["optimizers"] ?? "{}");
    const all = differences(training, tensors, rules);
    if (all.length > 0) throw new FormatError(`${file}: is of another run: ${all.join("; ")}`);
    loadSafetensors(engine, together(training), content, { name: file });
    return { step, position, history };
  }

  /** Removes a checkpoint, if it is still there. */
  remove({ file }: Pick<Checkpoint, "file">): Promise<void> {
    return this.#store.remove(file);
  }

  async #open(from: Checkpoint | { readonly name: string; readonly bytes: Uint8Array }) {
    const file = "file" in from ? from.file : from.name;
    const content = "file" in from ? await this.#store.read(file) : new Uint8Array(from.bytes);
    if (!content) throw new FormatError(`${file}: is no longer in ${this.#store.name}`);
    const found = contentsOf<P, H>(content, file);
    const fault = await damage(content);
    if (fault) throw new FormatError(`${file}: ${fault}`);
    return { file, ...found };
  }
}

/** What a file says of its run. @throws FormatError for files that are no checkpoints, and those of later versions. */
function contentsOf<P, H>(content: Uint8Array<ArrayBuffer>, file: string) {
  const { checkpoint, step, position, history } = parseSafetensors(content, file).metadata;
  if (checkpoint === undefined) throw new FormatError(`${file}: is no checkpoint; io.loadSafetensors reads weights`);
  if (Number(checkpoint) > version) throw tooNew(file, Number(checkpoint));
  return {
    content,
    step: Number(step),
    position: plainValue(position!) as P,
    history: plainValue(history!) as H,
  };
}

const tooNew = (file: string, later: number): FormatError =>
  new FormatError(`${file}: is of version ${later}; this tilegrad reads version ${version}: use a later one`);

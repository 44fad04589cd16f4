import { checkWhole, FormatError, optionsOf, refuse } from "../errors.ts";
import { saveCheckpoint, type Training, together } from "../io/checkpoint.ts";
import { parseSafetensors, serializeSafetensors } from "../io/safetensors.ts";
import { loadTensors } from "../io/weights.ts";
import type { Runner } from "../runtime/runner.ts";
import { locked } from "../store/browser.ts";
import { checkFileName, checkStore, type Store } from "../store/store.ts";
import { aboutOf, metadataOf } from "./about.ts";
import { type Checkpoint, checkpointOf, fileName, newestFirst, tooNew, version } from "./files.ts";
import { checkFit, rulesOf } from "./fit.ts";
import { damage, seal } from "./seal.ts";

export type { Checkpoint };

/** What a run needs to go on, besides its variables. */
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
  /** Called with a message for each damaged file that is passed over; default `console.warn`. */
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
   * @throws AttributeError for a position or history that is not plain data, and for two variables with one name.
   */
  async save(engine: Runner, training: Training, progress: Progressed<P, H>): Promise<Checkpoint> {
    const about = progressOf(`${call}.save`, progress);
    // The variables are read before the first await: the next step may change them.
    const optimizers = rulesOf(training);
    const saving = saveCheckpoint(engine, training, metadataOf(`${call}.save`, { ...about, optimizers }));
    return this.#write(about.step, saving);
  }

  /**
   * Keeps a safetensors file that the app has made, such as `trainer.save()`, as a checkpoint. To load it, take the
   * `content` of `latest()`.
   * @throws StoreError, AttributeError as `save`; FormatError for a file of another format.
   */
  async add(file: Uint8Array, progress: Progressed<P, H>): Promise<Checkpoint> {
    const about = progressOf(`${call}.add`, progress);
    const { tensors, metadata } = parseSafetensors(file, `${call}.add: the file`);
    const own = metadataOf(`${call}.add`, { ...about, optimizers: {} });
    return this.#write(about.step, Promise.resolve(serializeSafetensors(tensors, { ...own, ...metadata, ...own })));
  }

  #write(step: number, saving: Promise<Uint8Array<ArrayBuffer>>): Promise<Checkpoint> {
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
    const found = await this.#newest();
    return found && { ...found.checkpoint, ...progressIn<P, H>(found.about), content: found.content };
  }

  async #newest() {
    for (const checkpoint of await this.list()) {
      if (checkpoint.version > version) throw tooNew(checkpoint.file, checkpoint.version);
      const content = await this.#store.read(checkpoint.file);
      if (!content) continue; // Another tab has just removed it.
      const fault = await damage(content);
      const { file } = checkpoint;
      if (!fault) return { checkpoint, file, content, about: aboutOf(content, file) };
      this.#warn(`${call}: "${file}" in ${this.#store.name} ${fault}: it is passed over`);
    }
    return undefined;
  }

  /**
   * Loads a checkpoint into a run. An optimizer gets its moments in `minimize`, so load after that. The whole file
   * is checked first: if it does not fit, nothing changes.
   * @param from which one: a checkpoint of the list, or a file that the user uploaded; default the latest.
   * @returns what the checkpoint says of the run; `undefined` if there is none yet.
   * @throws MismatchError that lists all that differs if it is of another model or optimizer; FormatError for a damaged
   * file, and for one of a later version.
   */
  async load(
    engine: Runner,
    training: Training,
    from?: Checkpoint | { readonly name: string; readonly bytes: Uint8Array },
  ): Promise<Progress<P, H> | undefined> {
    const found = from ? await this.#open(from) : await this.#newest();
    if (!found) return undefined;
    const { file, about } = found;
    checkFit(file, training, about.tensors, about.optimizers);
    loadTensors(engine, together(training), about.tensors, { name: file });
    return progressIn(about);
  }

  /** Removes a checkpoint, if it is still there. */
  remove({ file }: Pick<Checkpoint, "file">): Promise<void> {
    return this.#store.remove(file);
  }

  async #open(from: Checkpoint | { readonly name: string; readonly bytes: Uint8Array }) {
    const file = "file" in from ? from.file : from.name;
    const content = "file" in from ? await this.#store.read(file) : new Uint8Array(from.bytes);
    if (!content) throw new FormatError(`${file}: is no longer in ${this.#store.name}`);
    const about = aboutOf(content, file); // First, to name other files for what they are.
    const fault = await damage(content);
    if (fault) throw new FormatError(`${file}: ${fault}`);
    return { file, about };
  }
}

/** Progress as `save` takes it. */
type Progressed<P, H> = Pick<Progress, "step"> & Partial<Progress<P, H>>;

function progressOf(op: string, progress: Progressed<unknown, unknown>): Progress {
  const { step, position, history } = optionsOf(op, progress, {
    step: undefined,
    position: undefined,
    history: undefined,
  });
  return { step: checkWhole(op, "step", step, 0), position: position ?? null, history: history ?? null };
}

const progressIn = <P, H>({ step, position, history }: Progress): Progress<P, H> => ({
  step,
  position: position as P,
  history: history as H,
});

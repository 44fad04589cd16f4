import { FormatError } from "../errors.ts";
import type { StoreEntry } from "../store/store.ts";

/** A checkpoint in a store, as described by its name. */
export interface Checkpoint {
  /** The file's name in the store. */
  readonly file: string;
  /** Steps that the run had taken. */
  readonly step: number;
  /** When it was saved. */
  readonly date: Date;
  /** The file's size. */
  readonly bytes: number;
  /** The version of the file's format. */
  readonly version: number;
}

/** The version of checkpoints that are written, and the newest that can be read. */
export const version = 1;

/** A name that no other tab or process takes: `mnist.step120.20261130T021709123Z-4f2a.v1.safetensors`. */
export function fileName(run: string, step: number, date: Date): string {
  const time = date.toISOString().replace(/[-:.]/g, "");
  const [unique] = crypto.randomUUID().split("-");
  return `${run}.step${step}.${time}-${unique}.v${version}.safetensors`;
}

/** The checkpoint in a file of the store; `undefined` for other files and those of other runs. */
export function checkpointOf(run: string, { name, bytes }: StoreEntry): Checkpoint | undefined {
  if (!name.startsWith(`${run}.step`)) return undefined;
  const [, step, time, version] = /^\.step(\d+)\.(\w{19})-\w+\.v(\d+)\.safetensors$/.exec(name.slice(run.length)) ?? [];
  if (step === undefined) return undefined;
  const date = new Date(time!.replace(/^(....)(..)(..T..)(..)(..)(...Z)$/, "$1-$2-$3:$4:$5.$6"));
  if (Number.isNaN(date.getTime())) return undefined;
  return { file: name, step: Number(step), date, bytes, version: Number(version) };
}

/** Newest first; of the same moment, the one with more steps. */
export const newestFirst = (a: Checkpoint, b: Checkpoint): number =>
  b.date.getTime() - a.date.getTime() || b.step - a.step || (a.file < b.file ? -1 : 1);

export const tooNew = (file: string, later: number): FormatError =>
  new FormatError(`${file}: is of version ${later}; this tilegrad reads version ${version}: use a later one`);

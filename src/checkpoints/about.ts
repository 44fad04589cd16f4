import { FormatError } from "../errors.ts";
import { plainText, plainValue } from "../io/plain.ts";
import { parseSafetensors, type Safetensors } from "../io/safetensors.ts";
import { tooNew, version } from "./files.ts";
import type { Rules } from "./fit.ts";
import { unsealed } from "./seal.ts";

/** The entry of a file's metadata that makes it a checkpoint. */
const key = "tilegrad.checkpoint";

/** What a checkpoint holds besides the values of variables. */
export interface About {
  readonly step: number;
  readonly position: unknown;
  readonly history: unknown;
  readonly optimizers: Rules;
}

/** The metadata of a checkpoint, unsealed. @param call for errors. */
export function metadataOf(call: string, { step, position, history, optimizers }: About): Record<string, string> {
  const fields = [
    `"version":${version}`,
    `"step":${step}`,
    `"position":${plainText(call, "position", position)}`,
    `"history":${plainText(call, "history", history)}`,
    `"optimizers":${JSON.stringify(optimizers)}`,
  ];
  return { ...unsealed, [key]: `{${fields.join()}}` };
}

/**
 * What a file says of its run.
 * @throws FormatError for files that are no checkpoints, and for those of later versions.
 */
export function aboutOf(content: Uint8Array, file: string): About & Pick<Safetensors, "tensors"> {
  const { metadata, tensors } = parseSafetensors(content, file);
  const text = metadata[key];
  if (text === undefined) throw new FormatError(`${file}: is no checkpoint; io.loadSafetensors reads weights`);
  let about: About & { readonly version: number };
  try {
    about = plainValue(text) as typeof about;
  } catch (cause) {
    throw new FormatError(`${file}: "${key}" in its metadata is not JSON`, { cause });
  }
  if (about.version > version) throw tooNew(file, about.version);
  return { ...about, tensors };
}

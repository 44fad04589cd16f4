import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** A wrong option. The message is one sentence. */
export class OptionError extends Error {}

/** How to choose the adapter, for the end of help texts. */
export const adapterHelp = `TILEGRAD_ADAPTER=hardware uses a GPU only, =lavapipe or =swiftshader that driver on the CPU, =software
lavapipe if installed, else SwiftShader, =wasm WebAssembly. The default, auto, prefers
a GPU, then lavapipe, then wasm. TILEGRAD_BACKEND=webgpu or =wasm asks for that alone.`;

/** Options of a command line by name. */
export type Spec = NonNullable<ParseArgsConfig["options"]>;

/**
 * The values of the options, as text.
 * @throws OptionError for unknown options and for positional arguments.
 */
export function parse<S extends Spec>(args: readonly string[], options: S) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    // Node's first sentence is good; the rest is about escaping dashes.
    throw new OptionError((error as Error).message.split(/\.\s/)[0]!.replace(/\.$/, ""));
  }
}

const isNumber = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text));

export function whole(option: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  const range = `from ${low} to ${high.toLocaleString("en-US")}`;
  throw new OptionError(`${option} is "${text}", expected a whole number ${range}`);
}

/** A learning rate. */
export function rate(option: string, text: string): number {
  const value = Number(text);
  if (isNumber(text) && value > 0 && value <= 1) return value;
  throw new OptionError(`${option} is "${text}", expected a number above 0 and up to 1, such as 0.001`);
}

/** A number in a range. */
export function between(option: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (isNumber(text) && value >= low && value <= high) return value;
  throw new OptionError(`${option} is "${text}", expected a number from ${low} to ${high}`);
}

export function oneOf(option: string, text: string, choices: readonly string[]): string {
  if (choices.includes(text)) return text;
  throw new OptionError(`${option} is "${text}", expected ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`);
}

/** The absolute path of a file to write. Checked first, so that minutes of training do not end with a write error. */
export function writable(option: string, path: string): string {
  const file = resolve(path);
  const found = statSync(file, { throwIfNoEntry: false });
  if (path === "" || found?.isDirectory()) throw new OptionError(`${option} is "${path}", expected the name of a file`);
  try {
    accessSync(found ? file : dirname(file), constants.W_OK);
  } catch {
    throw new OptionError(`${option} is "${path}", but ${found ? file : dirname(file)} cannot be written to`);
  }
  return file;
}

/** The absolute path of a folder to write to; it need not exist. */
export function folder(option: string, path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (path === "" || found?.isFile()) throw new OptionError(`${option} is "${path}", expected the name of a folder`);
  return resolve(path);
}

/** The absolute path of a file to read. */
export function readable(option: string, path: string): string {
  const file = resolve(path);
  const found = path !== "" && statSync(file, { throwIfNoEntry: false })?.isFile();
  if (!found) throw new OptionError(`${option} is "${path}", but there is no such file`);
  try {
    accessSync(file, constants.R_OK);
  } catch {
    throw new OptionError(`${option} is "${path}", but ${file} cannot be read`);
  }
  return file;
}

/** A path of one of some kinds, made absolute; undefined if the option is not given. */
export function fileOf(option: string, path: string | undefined, endings: readonly string[]): string | undefined {
  if (path === undefined || endings.some((ending) => path.toLowerCase().endsWith(ending)))
    return path && writable(option, path);
  throw new OptionError(`${option} is "${path}", expected a file whose name ends in ${endings.join(" or ")}`);
}

import type { Bytes } from "../data/bytes.ts";
import { FormatError } from "../errors.ts";
import type { TensorData, Variable } from "../graph/tensor.ts";
import { parseSafetensors } from "../io/safetensors.ts";
import { loadSafetensors, saveSafetensors } from "../io/weights.ts";
import { variable } from "../ops/sources/constants.ts";
import { type Callback, type CallbackState, keyOf } from "./callbacks.ts";
import type { Position } from "./position.ts";
import type { Programs } from "./programs.ts";
import type { Recipe } from "./recipe.ts";
import type { Specs } from "./specs.ts";

/** What a checkpoint says beside the values of variables. */
export interface About {
  /** Of the file's format. */
  readonly version: 1;
  /** What samples are; absent before a first training. */
  readonly specs?: Specs;
  readonly position?: Position;
  /** Data of the callbacks. */
  readonly callbacks?: Readonly<Record<string, unknown>>;
}

const key = "tilegrad.train";

/**
 * All variables of a training by their names in a file: those of the model have their own, others follow their part's
 * name. `state` is everything else that a step changes, such as random keys.
 */
function variablesOf(
  { variables, optimizer, scaler, ema }: Recipe,
  programs: Programs | undefined,
): Map<string, Variable> {
  const all = new Map(variables);
  if (!programs) return all;
  const known = new Set(variables.values());
  const others = [...programs.touched].filter((variable) => !known.has(variable));
  for (const [name, variable] of optimizer?.state(variables) ?? []) all.set(`optimizer.${name}`, variable);
  for (const [name, variable] of ema?.state(variables) ?? []) all.set(`ema.${name}`, variable);
  for (const [name, variable] of scaler?.state() ?? []) all.set(`scaler.${name}`, variable);
  others.forEach((variable, i) => {
    all.set(`state.${i}.${variable.name}`, variable);
  });
  return all;
}

/** Saves a training. The copies on the GPU are queued before this returns. */
export async function saveState(
  recipe: Recipe,
  programs: Programs | undefined,
  callbacks: readonly Callback[],
  about: About,
  position: Promise<Position> | Position | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const all = variablesOf(recipe, programs);
  const data: Record<string, unknown> = {};
  callbacks.forEach((callback, i) => {
    const state = callback.state?.();
    if (!state) return;
    data[keyOf(callback, i)] = state.data;
    for (const [name, array] of state.arrays ?? [])
      all.set(`${keyOf(callback, i)}.${name}`, variable(array, [Math.max(1, array.length)]));
  });
  // Saving needs the metadata first, and the copies of the variables at once.
  const values = Promise.all(
    [...all].map(async ([name, variable]) => [name, await recipe.engine.read(variable), variable] as const),
  );
  // Awaited together: if the device is lost, both reject.
  const [where, read] = await Promise.all([position, values]);
  const metadata = { format: "pt", [key]: toJson({ ...about, ...(where && { position: where }), callbacks: data }) };
  const host = new Map(read.map(([name, data, { shape }]) => [name, variable(data, shape, { name })]));
  return saveSafetensors(recipe.engine, host, metadata);
}

/** What a file says about its training. @throws FormatError for a file of something else. */
export function readAbout(bytes: Bytes, name: string): About & { readonly states: ReadonlyMap<string, CallbackState> } {
  const { metadata, tensors } = parseSafetensors(bytes, name);
  const text = metadata[key];
  if (text === undefined)
    throw new FormatError(`${name}: is not a checkpoint of Trainer.save: its metadata has no "${key}"`);
  let about: About;
  try {
    about = fromJson(text) as About;
  } catch (cause) {
    throw new FormatError(`${name}: "${key}" in its metadata is not JSON`, { cause });
  }
  if (Object(about).version !== 1)
    throw new FormatError(`${name}: is of version ${Object(about).version} of Trainer, expected 1`);
  checkPosition(about.position, name);
  const states = Object.entries(about.callbacks ?? {}).map(([key, data]): [string, CallbackState] => {
    const own = [...tensors].filter(([tensor]) => tensor.startsWith(`${key}.`));
    return [
      key,
      { data, arrays: new Map(own.map(([tensor, { data }]) => [tensor.slice(key.length + 1), data as TensorData])) },
    ];
  });
  return { ...about, states: new Map(states) };
}

function checkPosition(position: Position | undefined, name: string): void {
  if (position === undefined) return;
  const { epoch, batch, samples, step, history, sums, order } = Object(position) as Position;
  const counts = [epoch, batch, samples, step].every((count) => Number.isSafeInteger(count) && count >= 0);
  const lists = [history?.epochs, history?.steps, sums?.totals].every(Array.isArray);
  if (!counts || !lists || Object(order) !== order)
    throw new FormatError(`${name}: its position in the training is damaged`);
}

/** Loads the variables of a training; checks all of them first. */
export function loadState(recipe: Recipe, programs: Programs | undefined, bytes: Bytes, name: string): void {
  const rename = (tensor: string) => (tensor.startsWith("callbacks.") ? undefined : tensor);
  loadSafetensors(recipe.engine, variablesOf(recipe, programs), bytes, { name, rename });
}

/** JSON has no NaN and no infinity. */
const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, part) =>
    typeof part === "number" && !Number.isFinite(part) ? { number: String(part) } : part,
  );

const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, part) => (typeof Object(part).number === "string" ? Number(part.number) : part));

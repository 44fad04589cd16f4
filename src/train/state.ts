import type { Bytes } from "../data/bytes.ts";
import { FormatError } from "../errors.ts";
import type { TensorData, Variable } from "../graph/tensor.ts";
import { parseSafetensors } from "../io/safetensors.ts";
import { loadSafetensors, loadTensors, saveSafetensors } from "../io/weights.ts";
import { variable } from "../ops/sources/constants.ts";
import { type About, aboutIn, aboutText, ruleOf } from "./about.ts";
import { type Callback, type CallbackState, keyOf } from "./callbacks.ts";
import type { Position } from "./position.ts";
import type { Programs } from "./programs.ts";
import type { Recipe } from "./recipe.ts";

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

/** What callbacks keep, by their keys in a file. */
export function statesOf(callbacks: readonly Callback[]): Map<string, CallbackState> {
  return new Map(
    callbacks.flatMap((callback, i) => {
      const state = callback.state?.();
      return state ? [[keyOf(callback, i), state] as const] : [];
    }),
  );
}

/** Saves a training. The copies on the GPU are queued before this returns. @param states of callbacks. */
export async function saveState(
  recipe: Recipe,
  programs: Programs | undefined,
  states: ReadonlyMap<string, CallbackState>,
  about: About,
  position: Promise<Position> | Position | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const all = variablesOf(recipe, programs);
  const data: Record<string, unknown> = {};
  for (const [key, state] of states) {
    data[key] = state.data ?? null;
    for (const [name, array] of state.arrays ?? [])
      all.set(`${key}.${name}`, variable(array, [Math.max(1, array.length)]));
  }
  const rule = programs && ruleOf(recipe);
  // Saving needs the metadata first, and the copies of the variables at once.
  const values = Promise.all(
    [...all].map(async ([name, variable]) => [name, await recipe.engine.read(variable), variable] as const),
  );
  // Awaited together: if the device is lost, both reject.
  const [where, read] = await Promise.all([position, values]);
  const text = aboutText({ ...about, ...(rule && { rule }), ...(where && { position: where }), callbacks: data });
  const host = new Map(read.map(([name, data, { shape }]) => [name, variable(data, shape, { name })]));
  return saveSafetensors(recipe.engine, host, { format: "pt", [key]: text });
}

/** What a file says about its training. @throws FormatError for a damaged file, and one of something else. */
export function readAbout(bytes: Bytes, name: string): About & { readonly states: ReadonlyMap<string, CallbackState> } {
  const { metadata, tensors } = parseSafetensors(bytes, name);
  const text = metadata[key];
  if (text === undefined)
    throw new FormatError(
      `${name}: is not a checkpoint of Trainer.save: its metadata has no "${key}". ${
        "tilegrad" in metadata
          ? "It is a model: loadModel of tilegrad/model reads it"
          : "If it holds weights, io.loadSafetensors(engine, model, bytes) loads them; a file of saveCheckpoint or of " +
            "PyTorch's train.py, io.loadCheckpoint"
      }`,
    );
  const about = aboutIn(text, name);
  const states = Object.entries(about.callbacks ?? {}).map(([key, data]): [string, CallbackState] => {
    const own = [...tensors].filter(([tensor]) => tensor.startsWith(`${key}.`));
    return [
      key,
      { data, arrays: new Map(own.map(([tensor, { data }]) => [tensor.slice(key.length + 1), data as TensorData])) },
    ];
  });
  return { ...about, states: new Map(states) };
}

/**
 * Describes the programs of a file's training, so that the optimizer's moments exist, for which the file has values.
 * @throws FormatError where the samples or weights in the file do not fit the model. Nothing on the GPU has changed then.
 */
export function describeFor(recipe: Recipe, programs: Programs, size: number, bytes: Bytes, name: string): void {
  // Weights say more clearly than samples what is wrong.
  loadTensors({ write() {} }, recipe.variables, parseSafetensors(bytes, name).tensors, { name, strict: false });
  try {
    programs.describe(size);
  } catch (cause) {
    throw new FormatError(
      `${name}: its samples do not fit the model: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
      },
    );
  }
}

/** Loads the variables of a training; checks all of them first. @param whole whether the file may hold no others. */
export function loadState(
  recipe: Recipe,
  programs: Programs | undefined,
  bytes: Bytes,
  name: string,
  whole: boolean,
): void {
  const variables = variablesOf(recipe, programs);
  if (!whole && recipe.ema)
    for (const [own, variable] of recipe.ema.state(recipe.variables)) variables.set(`ema.${own}`, variable);
  const isMeant = (tensor: string) => (whole ? !tensor.startsWith("callbacks.") : variables.has(tensor));
  const rename = (tensor: string) => (isMeant(tensor) ? tensor : undefined);
  loadSafetensors(recipe.engine, variables, bytes, { name, rename });
}

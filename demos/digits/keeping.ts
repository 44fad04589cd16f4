import { FormatError } from "../../src/errors.ts";
import type { Engine, Variable } from "../../src/index.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/io/checkpoint.ts";
import { parseSafetensors } from "../../src/io/safetensors.ts";
import { indexedDBStore } from "../../src/store/indexedDB.ts";
import { parseHash, printHash } from "../parts/hash.ts";
import type { Course } from "./course.ts";
import type { Score } from "./learner.ts";
import { networksOf, type Settings, settingFields } from "./settings.ts";

/** What a file says of a training, beside the values of its variables. */
export interface About {
  readonly settings: Settings;
  readonly step: number;
  readonly course: Course;
}

/** The entry of a file's metadata with all this. */
const key = "tilegrad.digits";

const file = "digits.safetensors";
const store = indexedDBStore({ name: "digits" });

/** A training as one safetensors file: weights, moments, random keys, and what it says of itself. */
export const written = (engine: Engine, state: ReadonlyMap<string, Variable>, about: About) =>
  saveCheckpoint(engine, { model: state }, { format: "pt", [key]: JSON.stringify(about) });

/** Puts the values of a file into variables. */
export const fill = (engine: Engine, state: ReadonlyMap<string, Variable>, bytes: Uint8Array, name: string): void =>
  void loadCheckpoint(engine, { model: state }, bytes, name);

/** What a file says of its training. @throws FormatError for any other file. */
export function aboutOf(bytes: Uint8Array, name: string): About {
  const text = parseSafetensors(bytes, name).metadata[key];
  const about = text === undefined ? undefined : parsed(text);
  if (!about) throw new FormatError(`${name}: is not a training that this page has saved`);
  return about;
}

/** Undefined for anything but a training that this page can go on with. */
function parsed(text: string): About | undefined {
  try {
    const { settings, step, course } = JSON.parse(text) as About;
    const known = printHash(settingFields, settings);
    const { steps, scores } = course;
    const isScore = ({ loss, accuracy }: Score): boolean => Number.isFinite(loss) && Number.isFinite(accuracy);
    const fits =
      printHash(settingFields, parseHash(settingFields, known)) === known &&
      Number.isInteger(step) &&
      step >= 0 &&
      steps.every((at, i) => Number.isInteger(at) && at > (steps[i - 1] ?? 0) && at <= step) &&
      networksOf(settings).every((name) => {
        const own = scores[name] ?? [];
        return own.length === steps.length && own.every(({ training, test }) => isScore(training) && isScore(test));
      });
    return fits ? { settings, step, course } : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a training in this browser, in place of the last one. */
export const keep = (bytes: Uint8Array): Promise<void> => store.write(file, bytes);

/** The training that this browser keeps. */
export const kept = (): Promise<Uint8Array<ArrayBuffer> | undefined> => store.read(file);

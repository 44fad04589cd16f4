import { counted, FormatError, listed, show } from "../errors.ts";
import { showShape } from "../graph/shape.ts";
import { plainText, plainValue } from "../io/plain.ts";
import type { Position } from "./position.ts";
import type { Recipe } from "./recipe.ts";
import { type Specs, sameSpec, weightName } from "./specs.ts";

/** What a checkpoint says beside the values of variables. */
export interface About {
  /** Of the file's format. */
  readonly version: 1;
  /** What samples are; absent before a first training. */
  readonly specs?: Specs;
  /** The optimizer's rule, such as "adamW"; absent before a first training. */
  readonly rule?: string;
  readonly position?: Position;
  /** Data of the callbacks. */
  readonly callbacks?: Readonly<Record<string, unknown>>;
}

/** An About as text. @throws AttributeError for a callback's state that is not plain data. */
export const aboutText = (about: About): string => plainText("Trainer.save", "the state", about);

/** What a text says. @param name of the file in errors. @throws FormatError that names the damaged place. */
export function aboutIn(text: string, name: string): About {
  let about: unknown;
  try {
    about = plainValue(text);
  } catch (cause) {
    throw new FormatError(`${name}: its description of the training is not JSON`, { cause });
  }
  const { version } = Object(about);
  if (version !== 1) throw new FormatError(`${name}: is of version ${show(version)} of Trainer, expected 1`);
  everything(about, name);
  const { specs, position } = about as About;
  if (position !== undefined && specs === undefined) damaged(name, "specs", specs, "what samples are");
  return about as About;
}

/** The rule of an optimizer, as files name it. */
export const ruleOf = ({ optimizer }: Recipe): string | undefined =>
  optimizer?.lr?.group?.replace(/ learning rate$/, "");

/** Refuses a file of another kind of samples or another optimizer. @param known samples, as far as they are known here. */
export function checkFit({ specs, rule }: About, recipe: Recipe, known: Specs, name: string): void {
  const own = ruleOf(recipe);
  // A trainer that only predicts needs nothing but the inputs.
  const trains = recipe.hasLoss && own !== undefined;
  if (trains && rule !== undefined && rule !== own)
    throw new FormatError(`${name}: is of optim.${rule}, here of optim.${own}`);
  if (!specs) return;
  const names = [...recipe.inputs, ...(trains ? recipe.targets : [])];
  const missing = names.filter((one) => !Object.hasOwn(specs, one));
  const unknown = Object.keys(specs).filter((one) => trains && !names.includes(one) && one !== weightName);
  if (missing.length + unknown.length > 0)
    throw new FormatError(`${name}: its samples have ${listed(Object.keys(specs))}, expected ${listed(names)}`);
  for (const [one, spec] of Object.entries(specs)) {
    const here = Object.hasOwn(known, one) ? known[one] : undefined;
    if (here && !sameSpec(here, spec))
      throw new FormatError(
        `${name}: its samples of "${one}" are ${spec.dtype}${showShape(spec.shape)}, here ${here.dtype}${showShape(here.shape)}`,
      );
  }
}

function damaged(file: string, place: string, value: unknown, expected: string): never {
  throw new FormatError(`${file}: is damaged: ${place} is ${show(value)}, expected ${expected}`);
}

/** Refuses a value that is not what belongs at its place. */
type Check = (value: unknown, file: string, place?: string) => void;

const at = (place: string, name: string) => (place ? `${place}.${name}` : name);

const that =
  (expected: string, fits: (value: unknown) => boolean): Check =>
  (value, file, place = "") => {
    if (!fits(value)) damaged(file, place, value, expected);
  };

const number = /* @__PURE__ */ that("a number", (value) => typeof value === "number");
const count = /* @__PURE__ */ that(
  "a whole number from 0",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
const positive = /* @__PURE__ */ that(
  "a whole number from 1",
  (value) => Number.isSafeInteger(value) && (value as number) >= 1,
);
const duration = /* @__PURE__ */ that("a number from 0", (value) => Number.isFinite(value) && (value as number) >= 0);
const text = /* @__PURE__ */ that("a text", (value) => typeof value === "string");
const truth = /* @__PURE__ */ that("true or false", (value) => typeof value === "boolean");
const dtype = /* @__PURE__ */ that("a dtype", (value) => ["f32", "f16", "i32", "u32"].includes(value as string));

const optional =
  (check: Check): Check =>
  (value, file, place) => {
    if (value !== undefined) check(value, file, place);
  };

const list =
  (each: Check): Check =>
  (value, file, place = "") => {
    if (!Array.isArray(value)) damaged(file, place, value, "a list");
    value.forEach((item, i) => {
      each(item, file, `${place}[${i}]`);
    });
  };

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Object(value) === value && !Array.isArray(value);

/** An object with these fields, and others. */
const object =
  (fields: Readonly<Record<string, Check>>, others: Check = () => {}): Check =>
  (value, file, place = "") => {
    if (!isObject(value)) damaged(file, place, value, "an object");
    for (const name of new Set([...Object.keys(fields), ...Object.keys(value)])) {
      const check = Object.hasOwn(fields, name) ? fields[name]! : others;
      check(Object.hasOwn(value, name) ? value[name] : undefined, file, at(place, name));
    }
  };

const spec = /* @__PURE__ */ object({ shape: /* @__PURE__ */ list(positive), dtype });
const logs = /* @__PURE__ */ object({ epoch: positive, step: count, samples: count }, number);
const statistics = /* @__PURE__ */ object({ norm: number, mean: number, zeros: number });
const fields = /* @__PURE__ */ object({
  epoch: count,
  batch: count,
  samples: count,
  step: count,
  seconds: duration,
  size: count,
  sums: /* @__PURE__ */ object({ steps: count, samples: count, weight: number, totals: /* @__PURE__ */ list(number) }),
  order: /* @__PURE__ */ object({ batchSize: positive, shuffle: truth, seed: number, dropLast: truth }),
  history: /* @__PURE__ */ object({
    epochs: /* @__PURE__ */ list(logs),
    steps: /* @__PURE__ */ list(logs),
    gradients: /* @__PURE__ */ list(
      /* @__PURE__ */ object({ epoch: positive, step: count, parameters: /* @__PURE__ */ object({}, statistics) }),
    ),
    stopped: /* @__PURE__ */ optional(text),
    best: /* @__PURE__ */ optional(count),
  }),
});

/** A position whose numbers agree. */
const position: Check = (value, file, place = "") => {
  fields(value, file, place);
  const { epoch, batch, samples, step, size, sums, order } = value as Position;
  const { batchSize } = order;
  if (step < epoch + batch) damaged(file, at(place, "step"), step, `${epoch + batch} or more, after so many epochs`);
  if (samples < batch || samples > batch * batchSize)
    damaged(file, at(place, "samples"), samples, `those of ${counted(batch, "batch", "batches")}`);
  if (size > batchSize) damaged(file, at(place, "size"), size, `at most ${batchSize}, the size of a batch`);
  if (sums.steps > batch) damaged(file, at(place, "sums.steps"), sums.steps, `at most ${batch}`);
};

const everything = /* @__PURE__ */ object({
  specs: /* @__PURE__ */ optional(/* @__PURE__ */ object({}, spec)),
  rule: /* @__PURE__ */ optional(text),
  position: /* @__PURE__ */ optional(position),
  callbacks: /* @__PURE__ */ optional(/* @__PURE__ */ object({})),
});

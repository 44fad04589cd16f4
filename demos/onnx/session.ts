import { batch, computed, signal } from "@preact/signals";
import type { Shape } from "../../src/graph/shape.ts";
import type { TensorData } from "../../src/index.ts";
import { moved } from "../../src/worker/index.ts";
import { trainingOf } from "../parts/training.ts";
import { fromImage, imageAxes, random, type Scaling, typed, type Way, zeros } from "./filling.ts";
import type { About, InputPort, Run } from "./lab.ts";
import type onnx from "./onnx.worker.ts";
import { loadPicture, type Picture, paint, pictureOf } from "./picture.ts";
import { digits } from "./sample/shown.ts";
import { holesOf, shapeOf } from "./sizes.ts";

/** A model that this page can run. */
export interface Opened {
  readonly name: string;
  readonly about: About;
  readonly isSample: boolean;
}

/** How the visitor fills an input. */
export interface Fill {
  readonly way: Way;
  readonly scaling: Scaling;
  readonly picture: Picture | undefined;
  /** Typed numbers. */
  readonly text: string;
  /** Whether the model is compiled for these numbers, since they decide shapes. */
  readonly fixed: boolean;
}

/** What a run gave, and how long it took. */
export interface Ran extends Run {
  /** Milliseconds of importing and compiling, where this run had to. */
  readonly prepared: number | undefined;
}

const training = trainingOf<typeof onnx>(false);
export const { remote, missing, failure, ended } = training;

/** All that the page shows. */
export const opened = signal<Opened | undefined>(undefined);
/** Where the page says what it does: beside the files, or beside the run. */
export type Spot = "files" | "run";

/** What the page waits for, and what went wrong last, in words. */
export const said = signal<{ readonly at: Spot; readonly busy?: string; readonly refused?: string } | undefined>(
  undefined,
);
export const isBusy = computed(() => said.value?.busy !== undefined);
/** What the visitor says of sizes, by the keys of holes. */
export const sizes = signal<ReadonlyMap<string, string>>(new Map());
export const fills = signal<ReadonlyMap<string, Fill>>(new Map());
export const ran = signal<Ran | undefined>(undefined);
/** Whether rows are shown as probabilities. */
export const asShares = signal(false);

export const holes = computed(() => holesOf(opened.value?.about.inputs ?? []));
/** The shapes of inputs; undefined as long as something is open. */
export const shapes = computed(
  () => new Map(opened.value?.about.inputs.map((port) => [port.name, shapeOf(port, sizes.value)])),
);

const first: Fill = { way: "random", scaling: "unit", picture: undefined, text: "", fixed: false };

/** Pixels that make an image, at least. */
const leastSide = 16;

/** Inputs that may be images are images at first. */
function fillOf({ dims }: InputPort): Fill {
  const axes = imageAxes(dims?.map((dim) => (typeof dim === "number" ? dim : leastSide)) ?? []);
  return { ...first, way: axes && Math.min(axes.height, axes.width) >= leastSide ? "image" : "random" };
}

/** Counts what the visitor wants: what belongs to something earlier is dropped. */
let turn = 0;
/** What the worker has compiled. */
let prepared: { readonly key: string; readonly inputs: readonly string[] } | undefined;

/**
 * Does something for which the visitor waits, and shows what goes wrong.
 * @param busy says meanwhile what it is. @param name of the file that may be at fault.
 * @returns undefined if something did, or if something else is wanted by then.
 */
async function attempt<T>(at: Spot, busy: string, call: () => Promise<T>, name?: string): Promise<T | undefined> {
  const mine = ++turn;
  said.value = { at, busy };
  try {
    const answer = await call();
    if (mine !== turn) return undefined;
    said.value = undefined;
    return answer;
  } catch (error) {
    const message = plainly((error as Error).message);
    if (mine === turn) said.value = { at, refused: name === undefined ? message : `${name}: ${message}` };
    return undefined;
  }
}

/** Calls the worker when it is free. Its errors are the caller's, and do not end the page. */
async function call<T>(of: (methods: NonNullable<typeof remote.value>["methods"]) => Promise<T>): Promise<T> {
  const answer = await training.ask(({ methods }) =>
    of(methods).then(
      (value) => ({ value }),
      (error: Error) => ({ error }),
    ),
  );
  if (!answer) throw new Error("There is no GPU to run it.");
  if ("error" in answer) throw answer.error;
  return answer.value;
}

/** A message of tilegrad for those who do not program. */
const plainly = (message: string): string =>
  message
    .replace(/^importOnnx: /, "")
    .replace(": pass it in `files`", ": drop it here together with the model")
    .replace("pass it in `constants` if it is an input of the graph", "if it is an input, let it be “fixed”");

/** Takes files of the visitor's: a model with those beside it, or an image for it. */
export async function openFiles(files: readonly File[]): Promise<void> {
  const image = files.find(({ type }) => type.startsWith("image/"));
  const port = opened.value?.about.inputs.find(({ name }) => fills.value.get(name)!.way === "image");
  if (files.length === 1 && image && port) return choosePicture(port.name, image);
  const model = files.find(({ name }) => /\.onnx$/i.test(name)) ?? files[0]!;
  const others = files.filter((file) => file !== model);
  const read = async (): Promise<About> => {
    const beside = await Promise.all(others.map(async (file) => [file.name, await bytesOf(file)] as const));
    return take(model.name, await bytesOf(model), Object.fromEntries(beside));
  };
  await attempt("files", `Reading ${model.name}`, read, model.name);
}

const bytesOf = async (file: File): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

/**
 * Shows a model in place of the last one, unless something else is wanted by then.
 * @throws Error if the page cannot run it; the last one stays.
 */
async function take(
  name: string,
  bytes: Uint8Array,
  beside: Readonly<Record<string, Uint8Array>>,
  isSample = false,
): Promise<About> {
  const mine = turn;
  const about = await call((methods) => methods.open(moved(bytes), moved(beside)));
  if (mine !== turn) return about;
  prepared = undefined;
  batch(() => {
    opened.value = { name, about, isSample };
    sizes.value = new Map(holesOf(about.inputs).map(({ key, initial }) => [key, initial]));
    fills.value = new Map(about.inputs.map((port) => [port.name, fillOf(port)]));
    ran.value = undefined;
    asShares.value = isSample;
  });
  return about;
}

export const setSize = (key: string, text: string): void => {
  sizes.value = new Map([...sizes.value, [key, text]]);
};

export const setFill = (name: string, changes: Partial<Fill>): void => {
  fills.value = new Map([...fills.value, [name, { ...fills.value.get(name)!, ...changes }]]);
};

/** Puts an image of the visitor's into an input, and lets the model read it. */
export async function choosePicture(name: string, file: File): Promise<void> {
  const picture = await attempt("run", `Reading ${file.name}`, () => pictureOf(file));
  if (!picture) return;
  setFill(name, { picture });
  await run();
}

/** Runs the model. */
export async function run(): Promise<void> {
  const { inputs } = opened.value!.about;
  const result = await attempt("run", "Running", async () => {
    const open = inputs.find(({ name }) => shapes.value.get(name) === undefined);
    if (open) throw new Error(`Say how large ${open.name} is: whole numbers from 1 on, and not too many in all.`);
    const took = await prepare(inputs);
    const read = inputs.filter(({ name }) => prepared!.inputs.includes(name));
    const feeds = Object.fromEntries(read.map((port) => [port.name, valuesOf(port)]));
    return { ...(await call((methods) => methods.run(feeds))), prepared: took };
  });
  if (result) ran.value = result;
}

/** Lets the worker compile, unless it has compiled just this. @returns the milliseconds that it took. */
async function prepare(inputs: readonly InputPort[]): Promise<number | undefined> {
  const fixed = inputs.filter(({ name }) => fills.value.get(name)!.fixed);
  const constants = Object.fromEntries(
    fixed.map((port) => [port.name, { data: Array.from(valuesOf(port)), shape: shapes.value.get(port.name)! }]),
  );
  // What has a value now has its shape with it.
  const free = inputs.filter((port) => !fixed.includes(port));
  const sized = Object.fromEntries(free.map(({ name }) => [name, shapes.value.get(name)!]));
  const key = JSON.stringify([sized, constants]);
  if (prepared?.key === key) return undefined;
  prepared = undefined;
  said.value = { at: "run", busy: "Compiling" };
  const { inputs: read, ms } = await call((methods) => methods.prepare(sized, constants));
  said.value = { at: "run", busy: "Running" };
  prepared = { key, inputs: read };
  return ms;
}

/** The numbers of an input. @throws Error that says what is missing. */
function valuesOf({ name, dtype, type }: InputPort): TensorData {
  const shape: Shape = shapes.value.get(name)!;
  const { way, scaling, picture, text } = fills.value.get(name)!;
  if (way === "zeros") return zeros(shape, dtype);
  if (way === "random") return random(shape, dtype, type);
  if (way === "typed") {
    try {
      return typed(text, shape, dtype);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}.`);
    }
  }
  const axes = imageAxes(shape);
  if (!axes) throw new Error(`${name} has no place for an image: 1 or 3 colours, as the second or the last axis.`);
  if (!picture) throw new Error(`Choose an image for ${name}.`);
  return fromImage(paint(document.createElement("canvas"), picture, axes), shape, dtype, scaling);
}

/** Addresses of the sample's images, by their digits. */
export const sampleImages: ReadonlyMap<number, string> = new Map(
  digits.map((digit) => [digit, new URL(`./sample/${digit}.png`, import.meta.url).href]),
);

/** Lets the network that ships with the page read one of its images. */
export async function showSample(digit: number): Promise<void> {
  const picture = await attempt("files", "Loading the sample", async () => {
    if (!opened.value?.isSample) await openSample();
    return loadPicture(sampleImages.get(digit)!, `${digit}.png`);
  });
  if (!picture) return;
  setFill("image", { way: "image", scaling: "unit", picture });
  await run();
}

async function openSample(): Promise<void> {
  const response = await fetch(new URL("./sample/digits.onnx", import.meta.url));
  if (!response.ok) throw new Error(`The sample did not load: the server answered ${response.status}.`);
  await take("digits.onnx", new Uint8Array(await response.arrayBuffer()), {}, true);
}

/** Starts the worker. */
export const start = (): Promise<boolean> =>
  training.open(
    () => new Worker(new URL("./onnx.worker.ts", import.meta.url), { type: "module", name: location.search }),
    {
      inPage: () => import("./onnx.worker.ts"),
    },
  );

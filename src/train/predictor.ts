import { checkObject, checkWhole, FeedError, optionsOf, ShapeError, StateError } from "../errors.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";
import { Tensor, type TensorData } from "../graph/tensor.ts";
import { numbered } from "../ops/sources/random.ts";
import type { Program } from "../runtime/program.ts";
import { type Recipe, tensorsOf, usedBy } from "./recipe.ts";
import { type ArrayData, type Chunk, chunkOf, type Specs } from "./specs.ts";
import { Stage } from "./stage.ts";

/** Values of n samples, row-major; `shape` is `[n, …]`. */
export interface Prediction {
  readonly data: TensorData;
  readonly shape: Shape;
}

/** How `predict` cuts samples into runs. */
export interface PredictOptions {
  /** Most samples per run; default 256. */
  readonly batchSize?: number;
}

/** An attempt to serve a call. One that failed is dropped: its runs may still end, and change nothing then. */
interface Request {
  readonly chunks: readonly (readonly [string, Chunk])[];
  readonly rows: number;
  readonly most: number;
  /** Samples handed to programs. */
  taken: number;
  /** Samples whose results have not arrived. */
  left: number;
  readonly results: Map<string, Prediction>;
  resolve(results: ReadonlyMap<string, Prediction>): void;
  reject(error: unknown): void;
  /** Whether it shares no run with other requests. */
  readonly alone: boolean;
  /** Whether it has failed. */
  dropped: boolean;
}

/** Samples of a request, and where they are in a batch. */
interface Part {
  readonly request: Request;
  readonly from: number;
  readonly rows: number;
}

interface Compiled {
  readonly program: Program<Readonly<Record<string, Tensor>>>;
  /** Names of its inputs: a model may ignore one. */
  readonly inputs: readonly string[];
}

/** Batches computed at the same time: one runs while the next is prepared. */
const mostRunning = 2;

/** The name of a prediction that is a single tensor. */
const single = "prediction";

/**
 * Predicts with programs for 1, 2, 4, … samples, compiled when they are first needed. Calls that come while others run
 * share batches.
 */
export class Predictor {
  readonly #recipe: Recipe;
  #specs: Specs;
  readonly #programs = new Map<number, Promise<Compiled>>();
  readonly #made: Compiled["program"][] = [];
  #mixes: boolean | undefined;
  #isRecord = false;
  #destroyed = false;
  #waiting: Request[] = [];
  #running = 0;

  constructor(recipe: Recipe) {
    this.#recipe = recipe;
    this.#specs = recipe.shapes;
  }

  /** Tells what samples are, where training has found out. */
  expect(specs: Specs): void {
    this.#specs = { ...specs, ...this.#specs };
  }

  async predict(
    data: ArrayData | Readonly<Record<string, ArrayData>>,
    options: PredictOptions = {},
  ): Promise<Prediction | Record<string, Prediction>> {
    const { batchSize } = optionsOf("predict", options, { batchSize: 256 });
    checkWhole("predict", "batchSize", batchSize);
    const { chunks, rows } = this.#read(data);
    const alone = this.#mixes ?? (await this.#findMixture());
    if (this.#destroyed) throw gone();
    const results = await new Promise<ReadonlyMap<string, Prediction>>((resolve, reject) => {
      const most = alone ? rows : batchSize;
      this.#waiting.push(attempt({ chunks, rows, most, resolve, reject, alone }));
      // Calls of the same turn share a batch.
      queueMicrotask(() => this.#pump());
    });
    return this.#isRecord ? Object.fromEntries(results) : results.get(single)!;
  }

  /** Checks the samples of a call. */
  #read(data: ArrayData | Readonly<Record<string, ArrayData>>) {
    const { inputs } = this.#recipe;
    const isArray = inputs.length === 1 && (ArrayBuffer.isView(data) || (Object(data) === data && "data" in data));
    const named = (isArray ? { [inputs[0]!]: data } : data) as Readonly<Record<string, ArrayData>>;
    checkObject("predict", "the argument", named, `{ ${inputs.join(", ")} }`);
    const chunks = inputs.map((name) => {
      if (!(name in named))
        throw new FeedError(`predict: there is no "${name}", only ${Object.keys(named).join(", ") || "nothing"}`);
      return [name, chunkOf("predict", name, named[name], this.#specs[name])] as const;
    });
    const [first, { rows }] = chunks[0]!;
    const other = chunks.find(([, chunk]) => chunk.rows !== rows);
    if (other) throw new ShapeError(`predict: "${other[0]}" has ${other[1].rows} samples, "${first}" has ${rows}`);
    if (rows === 0) throw new ShapeError(`predict: "${first}" has no samples`);
    this.#specs = { ...Object.fromEntries(chunks.map(([name, { spec }]) => [name, spec])), ...this.#specs };
    return { chunks, rows };
  }

  #outputs(n: number) {
    const { inputs } = this.#recipe;
    const tensors = tensorsOf(inputs, this.#specs, n);
    const prediction = numbered(() => this.#recipe.predict(tensors, { training: false }));
    this.#isRecord = !(prediction instanceof Tensor);
    const outputs = prediction instanceof Tensor ? { [single]: prediction } : prediction;
    for (const [name, { shape }] of Object.entries(outputs))
      if (shape[0] !== n)
        throw new ShapeError(`predict: the model's ${name} is [${shape.join(", ")}], expected [${n}, …]`);
    return { tensors, outputs };
  }

  /** Whether samples of a batch influence each other even in evaluation. */
  async #findMixture(): Promise<boolean> {
    const { mixes } = await import("./mixes.ts");
    const sampled = (n: number) => {
      const { tensors, outputs } = this.#outputs(n);
      return { n, inputs: Object.values(tensors), results: Object.values(outputs) };
    };
    this.#mixes ??= mixes(sampled(2), sampled(3));
    return this.#mixes;
  }

  #pump(): void {
    while (this.#running < mostRunning && this.#waiting.length > 0) void this.#batch(this.#nextParts());
  }

  /** Takes waiting samples, as many as go into one run. */
  #nextParts(): Part[] {
    const parts: Part[] = [];
    const most = this.#waiting[0]!.most;
    let free = most;
    while (free > 0 && this.#waiting.length > 0) {
      const request = this.#waiting[0]!;
      if (parts.length > 0 && (request.alone || parts[0]!.request.alone)) break;
      const rows = Math.min(free, request.rows - request.taken);
      parts.push({ request, from: request.taken, rows });
      request.taken += rows;
      free -= rows;
      if (request.taken === request.rows) this.#waiting.shift();
    }
    return parts;
  }

  async #batch(parts: readonly Part[]): Promise<void> {
    this.#running++;
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    try {
      const exact = parts[0]!.request.alone && this.#mixes;
      const size = exact ? rows : sizeFor(rows);
      const { program, inputs } = await this.#program(size);
      const stage = new Stage(Object.fromEntries(this.#recipe.inputs.map((name) => [name, this.#specs[name]!])), size);
      let at = 0;
      for (const { request, from, rows } of parts) {
        for (const [name, { data }] of request.chunks) stage.put(name, data, from, rows, at);
        at += rows;
      }
      stage.pad(rows);
      hand(parts, program, await program.compute(stage.feeds(inputs)));
    } catch (error) {
      this.#fail(parts, error);
    } finally {
      this.#running--;
      this.#pump();
    }
  }

  /** A wrong value of one call must not fail others: they are computed again, each alone. */
  #fail(parts: readonly Part[], error: unknown): void {
    const requests = new Set(parts.map(({ request }) => request));
    this.#waiting = this.#waiting.filter((request) => !requests.has(request));
    for (const request of requests) {
      if (request.dropped) continue;
      request.dropped = true;
      if (requests.size === 1 || !(error instanceof FeedError)) request.reject(error);
      else this.#waiting.unshift(attempt({ ...request, alone: true }));
    }
  }

  #program(size: number): Promise<Compiled> {
    const known = this.#programs.get(size);
    if (known) return known;
    const make = async () => {
      const { outputs } = this.#outputs(size);
      const program = await this.#recipe.engine.compile({ outputs });
      this.#made.push(program);
      return { program, inputs: usedBy(Object.values(outputs)) };
    };
    const made = make();
    this.#programs.set(size, made);
    made.catch(() => this.#programs.delete(size));
    return made;
  }

  /** Compiles the programs for calls of these numbers of samples. */
  async compile(sizes: readonly number[]): Promise<void> {
    for (const size of sizes) await this.#program(sizeFor(size));
  }

  /** All programs so far. */
  get programs(): readonly Compiled["program"][] {
    return this.#made;
  }

  async destroy(): Promise<void> {
    this.#destroyed = true;
    for (const request of this.#waiting.splice(0)) request.reject(gone());
    await Promise.allSettled(this.#programs.values());
    for (const program of this.#made) program.destroy();
  }
}

const gone = (): StateError => new StateError("predict: the trainer has been destroyed");

/** A request of which nothing has been computed. */
const attempt = (call: Omit<Request, "taken" | "left" | "results" | "dropped">): Request => ({
  ...call,
  taken: 0,
  left: call.rows,
  results: new Map(),
  dropped: false,
});

/** The size of the program that predicts some samples. */
const sizeFor = (rows: number): number => 2 ** Math.ceil(Math.log2(rows));

/** Gives each call its own rows. */
function hand(
  parts: readonly Part[],
  program: Compiled["program"],
  values: Readonly<Record<string, TensorData>>,
): void {
  let at = 0;
  for (const { request, from, rows } of parts) {
    for (const [name, data] of Object.entries(values)) {
      const [, ...sizes] = program.outputs[name]!.shape;
      const size = sizeOf(sizes);
      const own = data.subarray(at * size, (at + rows) * size);
      const known = request.results.get(name);
      const whole = known ?? {
        data: new (data.constructor as Float32ArrayConstructor)(request.rows * size),
        shape: [request.rows, ...sizes],
      };
      whole.data.set(own as Float32Array, from * size);
      request.results.set(name, whole);
    }
    at += rows;
    request.left -= rows;
    if (request.left === 0) request.resolve(request.results);
  }
}

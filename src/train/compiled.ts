import { checkWhole, optionsOf } from "../errors.ts";
import type { Variable } from "../graph/tensor.ts";
import { variable } from "../ops/sources/constants.ts";
import { mistakes } from "./loaded.ts";
import type { Predictor } from "./predictor.ts";
import { evaluationPrograms, type Programs, trainingPrograms } from "./programs.ts";
import type { Recipe } from "./recipe.ts";
import type { Specs } from "./specs.ts";
import { type Data, open, type Reading, type Stream } from "./stream.ts";

/** Which programs to compile before they are needed. */
export interface CompileOptions {
  /** Samples per batch of training; default 0, which compiles no program. */
  readonly fit?: number;
  /** Samples per batch of `evaluate` and validation; default 0, which compiles no program. */
  readonly evaluate?: number;
  /** Samples per batch of `predict`; default 0, which compiles no program. */
  readonly predict?: number;
}

/** What a trainer knows about its samples, and the programs that it has compiled for them. */
export class Compiled {
  readonly #recipe: Recipe;
  readonly #predictor: Predictor;
  /** 1 until a loss is not finite. */
  readonly going = variable(1, [], { name: "going", group: "training goes on", dtype: "i32" });
  #specs: Specs;
  #training: Programs | undefined;
  /** The frozen variables that the programs of the training leave out. */
  #frozen = "";
  #evaluation: Programs | undefined;

  constructor(recipe: Recipe, predictor: Predictor) {
    this.#recipe = recipe;
    this.#predictor = predictor;
    this.#specs = recipe.shapes;
  }

  get specs(): Specs {
    return this.#specs;
  }

  /** The programs of the last training. */
  get training(): Programs | undefined {
    return this.#training;
  }

  get evaluation(): Programs {
    this.#evaluation ??= evaluationPrograms(this.#recipe, this.#specs);
    return this.#evaluation;
  }

  /** Bytes on the GPU: of variables, which programs share, and in all. */
  get memory(): { readonly variables: number; readonly total: number } {
    const groups = [this.#training?.programs ?? [], this.#evaluation?.programs ?? [], this.#predictor.programs];
    const all = groups.flatMap((programs) => programs.map(({ memory }) => memory));
    const variables = Math.max(0, ...all.map((memory) => memory.variables));
    return { variables, total: all.reduce((sum, memory) => sum + memory.total - memory.variables, variables) };
  }

  /** Opens data and learns from it what samples are. @param op the caller in errors. */
  async open(op: string, data: Data, reading: Reading = {}): Promise<Stream> {
    const { inputs, targets } = this.#recipe;
    const stream = await open(op, data, { names: [...inputs, ...targets], specs: this.#specs }, reading);
    this.learn(stream.specs);
    return stream;
  }

  learn(specs: Specs): void {
    this.#specs = { ...specs, ...this.#specs };
    this.#predictor.expect(this.#specs);
  }

  /** Programs that train. New ones replace them if other variables are frozen now; the optimizer keeps its state. */
  async toTrain(isRunning: boolean): Promise<Programs> {
    const old = this.#training;
    if (old && (isRunning || this.#frozenNow() === this.#frozen)) return old;
    const programs = trainingPrograms(this.#recipe, this.#specs, this.going);
    this.keep(programs);
    if (old) this.#free(await old.destroy());
    return programs;
  }

  /** Takes programs that train. */
  keep(programs: Programs | undefined): void {
    if (programs !== this.#training) this.#frozen = this.#frozenNow();
    this.#training = programs;
  }

  #frozenNow(): string {
    return [...this.#recipe.variables].flatMap(([name, variable]) => (variable.frozen ? name : [])).join();
  }

  /** See `Trainer.compile`. */
  async compile(options: CompileOptions, isRunning: boolean): Promise<void> {
    const { fit, evaluate, predict } = optionsOf("compile", options, { fit: 0, evaluate: 0, predict: 0 });
    for (const [name, size] of Object.entries({ fit, evaluate, predict })) checkWhole("compile", name, size, 0);
    const { inputs, targets } = this.#recipe;
    const missing = [...inputs, ...(fit + evaluate > 0 ? targets : [])].find((name) => !(name in this.#specs));
    if (missing) throw (await mistakes()).unknownSamples(missing);
    if (fit > 0) await (await this.toTrain(isRunning)).for(fit);
    if (evaluate > 0) await this.evaluation.for(evaluate);
    if (predict > 0) await this.#predictor.compile([predict]);
  }

  async destroy(): Promise<void> {
    await this.#predictor.destroy();
    this.#free([
      this.going,
      ...((await this.#training?.destroy()) ?? []),
      ...((await this.#evaluation?.destroy()) ?? []),
    ]);
  }

  #free(own: readonly Variable[]): void {
    this.#recipe.engine.free(own);
  }
}

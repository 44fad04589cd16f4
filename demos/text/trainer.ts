import { type Engine, io, nn, optim, type Variable } from "../../src/index.ts";
import { batchAt, batchesIn, type Corpus, type Window } from "./corpus.ts";
import { type Architecture, characterModel } from "./model.ts";
import { compileReader, type Reader } from "./reader.ts";
import { Sampler } from "./sampler.ts";

/** Everything that determines the result of a training, bit for bit. Saved with a checkpoint. */
export interface Settings extends Architecture, Window {
  readonly steps: number;
  readonly lr: number;
  /** Largest norm of all gradients together. */
  readonly clip: number;
  readonly seed: number;
  readonly temperature: number;
  /** Characters per sample. */
  readonly sample: number;
  /** Steps between reports. */
  readonly every: number;
}

interface Parts {
  readonly engine: Engine;
  readonly corpus: Corpus;
  readonly settings: Settings;
  readonly weights: ReadonlyMap<string, Variable>;
  readonly training: Reader;
  readonly validation: Reader;
  readonly sampler: Sampler;
  /** All variables that determine how the training continues. */
  readonly kept: io.Training;
}

/** Position in a training. */
interface Position {
  /** Steps done. */
  readonly step: number;
  /** Steps whose losses are in the tally. */
  readonly tallied: number;
}

/**
 * Trains a character model on a text by truncated backpropagation through time: states carry over from batch to batch,
 * as if the text were read in one go, but gradients stop at the start of a batch.
 */
export class Trainer {
  readonly #parts: Parts;
  #position: Position = { step: 0, tallied: 0 };

  /**
   * Compiles all programs, without running them.
   * @throws Error for a text that is too short.
   */
  static async create(engine: Engine, corpus: Corpus, settings: Settings): Promise<Trainer> {
    const { tokenizer, train, validation: held } = corpus;
    const { batch, length, seed, sample, temperature } = settings;
    if (batchesIn(train, settings) === 0 || batchesIn(held, settings) === 0) {
      const characters = train.length + held.length;
      throw new Error(`the text has ${characters} characters: too few for batches of ${batch} times ${length}`);
    }
    nn.seed(seed);
    const model = characterModel(tokenizer.size, settings);
    const optimizer = optim.adam({ lr: settings.lr, schedule: optim.cosineAnnealingLR({ tMax: settings.steps }) });
    // One after the other: the first lays out the variables that all share.
    const training = await compileReader(engine, model, { ...settings, carries: true }, optimizer);
    const validation = await compileReader(engine, model, { ...settings, carries: true });
    const sampler = await Sampler.create(engine, model, { length: sample, temperature, seed, tokenizer });
    const kept = {
      model: model.weights,
      optimizer: optimizer.state(model.weights),
      reader: new Map([...training.states, training.tally].map((variable) => [variable.name, variable])),
      dropout: new Map([["key", nn.random().key]]),
      sampling: sampler.state,
    };
    return new Trainer({ engine, corpus, settings, weights: model.weights, training, validation, sampler, kept });
  }

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Steps done. */
  get steps(): number {
    return this.#position.step;
  }

  /** Number of weights. */
  get parameters(): number {
    return [...this.#parts.weights.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Bytes on the GPU for all programs, known before the first step. Counts shared memory once. */
  get memory(): number {
    const { training, validation, sampler, engine } = this.#parts;
    const programs = [training.program, validation.program, sampler.program].map(({ memory }) => memory);
    return programs.reduce((sum, { total, variables }) => sum + total - variables, engine.bytes.variables);
  }

  /** Trains on the next batch of the text; after the last one it starts over. */
  async step(): Promise<void> {
    const { engine, corpus, settings, training } = this.#parts;
    const { step, tallied } = this.#position;
    const index = step % batchesIn(corpus.train, settings);
    if (index === 0) for (const state of training.states) engine.write(state, 0);
    await training.program.run(batchAt(corpus.train, settings, index));
    this.#position = { step: step + 1, tallied: tallied + 1 };
  }

  /** The loss of the last step, in bits per character. */
  async lastBits(): Promise<number> {
    return (await this.#parts.training.program.outputs.loss.scalar()) / Math.LN2;
  }

  /** The mean loss since the tally was last cleared, in bits per character. Steps may continue meanwhile. */
  async bits(): Promise<number> {
    const { engine, training } = this.#parts;
    const { tallied } = this.#position;
    const [sum] = await engine.read(training.tally);
    return sum! / tallied / Math.LN2;
  }

  clearTally(): void {
    const { engine, training } = this.#parts;
    engine.write(training.tally, 0);
    this.#position = { ...this.#position, tallied: 0 };
  }

  /** Bits per character on the validation text. */
  async validate(): Promise<number> {
    const { engine, corpus, settings, validation } = this.#parts;
    for (const variable of [...validation.states, validation.tally]) engine.write(variable, 0);
    const batches = batchesIn(corpus.validation, settings);
    for (let index = 0; index < batches; index++) {
      await validation.program.run(batchAt(corpus.validation, settings, index));
    }
    const [sum] = await engine.read(validation.tally);
    return sum! / batches / Math.LN2;
  }

  /** The model's text after a prompt of at least one character. */
  sample(prompt: string): Promise<string> {
    return this.#parts.sampler.sample(prompt);
  }

  /** Saves the training. @param about further metadata for the file. */
  save(about: Readonly<Record<string, string>> = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { engine, kept, settings, corpus } = this.#parts;
    const { step, tallied } = this.#position;
    return io.saveCheckpoint(engine, kept, {
      format: "pt",
      step: String(step),
      tallied: String(tallied),
      settings: JSON.stringify(settings),
      vocabulary: corpus.tokenizer.state.tokens.join(""),
      ...about,
    });
  }

  /** Continues a saved training with the same settings. @throws FormatError for a file that does not fit. */
  load(bytes: Uint8Array, name?: string): void {
    const { step, tallied } = io.loadCheckpoint(this.#parts.engine, this.#parts.kept, bytes, name);
    this.#position = { step: Number(step), tallied: Number(tallied) };
  }
}

import { type Engine, optim, type Recording } from "../../../src/index.ts";
import type { Window } from "../corpus.ts";
import { compileReader, type Reader, type ReaderOptions } from "../reader.ts";
import { type Exam, Examiner } from "./examiner.ts";
import { ignored } from "./ignored.ts";
import { Insight, type Look } from "./insight.ts";
import { type Batch, type Material, materialOf } from "./material.ts";
import { Memory } from "./memory.ts";
import { type Network, networkOf } from "./networks.ts";
import { block, looksAfter } from "./pace.ts";
import type { Settings, Source } from "./settings.ts";
import { type TagMaterial, tagMaterial } from "./tags.ts";
import { type Piece, Writer } from "./writer.ts";

/** What the page shows after some steps. */
export interface Frame {
  /** Steps since the weights were drawn. */
  readonly step: number;
  /** Epochs since then, as a fraction. */
  readonly epoch: number;
  /** Bits per character: the mean over the last steps; undefined before the first. */
  readonly train: number | undefined;
  /** On text that is held out, when last looked at; undefined before. */
  readonly validation: number | undefined;
  /** Whether it was looked at after this very step. */
  readonly looked: boolean;
  /** Of a guess by frequency alone. */
  readonly baseline: number;
  /** Numbers that are learned. */
  readonly parameters: number;
}

/** The texts of each source. */
const files: Readonly<Record<Source, readonly string[]>> = {
  names: ["first-names.txt"],
  last: ["last-names.txt"],
  tags: ["first-names.txt", "last-names.txt"],
  book: ["book.txt"],
  own: [],
};

/** Largest norm of the gradients. */
const clip = 1;

/** A network with its programs. */
interface Trained extends Network {
  readonly optimizer: optim.Optimizer;
  readonly options: Omit<ReaderOptions, keyof Window>;
  readonly training: Reader;
  // The others are compiled when they are first asked for, so that the training begins soon.
  validation?: Reader;
  writer?: Writer;
  insight?: Insight;
  examiner?: Examiner;
  memory?: Memory;
}

/** Trains one network: in a worker. */
export class Lab {
  readonly #engine: Engine;
  readonly #read: (file: string) => Promise<string>;
  #settings!: Settings;
  #material!: Material;
  #network: Trained | undefined;
  #step = 0;
  #validated: number | undefined;

  /** @param read gives a file's text. */
  constructor(engine: Engine, read: (file: string) => Promise<string>) {
    this.#engine = engine;
    this.#read = read;
  }

  /** Starts over with settings. Only what trains is compiled at once. */
  async configure(settings: Settings): Promise<void> {
    const { source, own, batch, seed } = settings;
    const texts = await Promise.all(files[source].map((file) => this.#read(file)));
    this.#free();
    this.#settings = settings;
    this.#material =
      source === "tags" ? tagMaterial(texts[0]!, texts[1]!, batch, seed) : materialOf(texts[0] ?? own, batch, seed);
    this.#network = await this.#build();
    this.#step = 0;
    this.#validated = undefined;
  }

  /** Changes the learning rate, and nothing else. */
  setRate(rate: number): void {
    this.#engine.write(this.#network!.optimizer.lr, rate);
  }

  /** Trains for some steps, but not beyond the end of a block. */
  async advance(steps: number): Promise<Frame> {
    const end = Math.min(this.#step + steps, this.#step - (this.#step % block) + block);
    while (this.#step < end) {
      await this.#network!.training.program.run(this.#next());
      this.#step++;
    }
    return this.#stepped();
  }

  /** Trains for one step, and records all of it. */
  async record(): Promise<{ readonly recording: Recording; readonly frame: Frame }> {
    const { program } = this.#network!.training;
    const recording = await program.record(this.#next(), { step: this.#step });
    this.#step++;
    return { recording, frame: await this.#stepped() };
  }

  /** Looks at the text that is held out. */
  async validate(): Promise<Frame> {
    const network = this.#network!;
    const { validation, validationWindow } = this.#material;
    network.validation ??= await compileReader(this.#engine, network.model, {
      ...validationWindow,
      ...network.options,
    });
    const { program, states, tally } = network.validation;
    for (const variable of [...states, tally]) this.#engine.write(variable, 0);
    for (const batch of validation) await program.run(batch);
    const [sum] = await this.#engine.read(tally);
    this.#validated = sum! / validation.length / Math.LN2;
    return this.#frame();
  }

  /** Writes a piece of a sample. @param begins a new one. */
  async write(begins: boolean, count: number, temperature: number): Promise<Piece> {
    const network = this.#network!;
    network.writer ??= new Writer(this.#material, await network.predictor(this.#engine));
    if (begins) network.writer.begin(this.#settings.seed, this.#step);
    return network.writer.write(count, temperature);
  }

  /** What goes on in the network while it reads a text. @param show one of its `shows`. */
  async look(text: string, show: string): Promise<Look> {
    const network = this.#network!;
    network.insight ??= await Insight.create(this.#engine, network, this.#settings, this.#material);
    return network.insight.look(text, show);
  }

  /** How a network tags names that are held out. */
  async examine(): Promise<Exam> {
    const network = this.#network!;
    network.examiner ??= await Examiner.create(this.#engine, network.model, this.#material as TagMaterial);
    return network.examiner.examine();
  }

  /** How much of the gradient reaches characters further back, by distance. */
  async reach(): Promise<number[]> {
    const network = this.#network!;
    network.memory ??= await Memory.create(this.#engine, network.model, this.#material);
    return network.memory.norms();
  }

  /** The network as an ONNX model. */
  async export(): Promise<Uint8Array<ArrayBuffer>> {
    const { exported } = await import("./exporting.ts");
    return exported(this.#engine, this.#network!.model, this.#settings, this.#material);
  }

  /** The batch of the next step. */
  #next(): Batch {
    const { tally, states } = this.#network!.training;
    const { at, batches, lines } = this.#material;
    if (this.#step % block === 0) this.#engine.write(tally, 0);
    if (!lines && this.#step % batches === 0) for (const state of states) this.#engine.write(state, 0);
    return at(this.#step);
  }

  #stepped(): Promise<Frame> {
    return looksAfter(this.#step) ? this.validate() : this.#frame();
  }

  async #frame(): Promise<Frame> {
    const { training, model } = this.#network!;
    const { batches, baseline } = this.#material;
    const [sum] = await this.#engine.read(training.tally);
    const counted = this.#step === 0 ? 0 : ((this.#step - 1) % block) + 1;
    return {
      step: this.#step,
      epoch: this.#step / batches,
      train: counted === 0 ? undefined : sum! / counted / Math.LN2,
      validation: this.#validated,
      looked: looksAfter(this.#step),
      baseline,
      parameters: [...model.weights.values()].reduce((count, { size }) => count + size, 0),
    };
  }

  async #build(): Promise<Trained> {
    const { window, lines } = this.#material;
    const network = await networkOf(this.#settings, this.#material);
    const optimizer = optim.adam({ lr: this.#settings.rate });
    const options = { clip, carries: !lines, ...(lines && { ignoreIndex: ignored }) };
    const training = await compileReader(this.#engine, network.model, { ...window, ...options }, optimizer);
    return { ...network, optimizer, options, training };
  }

  #free(): void {
    if (!this.#network) return;
    const { model, training, validation, writer, insight, memory, examiner } = this.#network;
    for (const part of [insight, memory, examiner]) part?.destroy();
    const states = [training, ...(validation ? [validation] : [])].flatMap(({ program, states, tally }) => {
      program.destroy();
      return [...states, tally];
    });
    this.#engine.free([...model.weights.values(), ...states, ...(writer?.destroy() ?? [])]);
    this.#network = undefined;
  }
}

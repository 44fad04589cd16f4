import { type Engine, optim } from "../../../src/index.ts";
import { compileReader, type Reader } from "../reader.ts";
import { type Exam, Examiner } from "./examiner.ts";
import { ignored } from "./ignored.ts";
import { Insight, type Look } from "./insight.ts";
import { type Material, materialOf } from "./material.ts";
import { Memory } from "./memory.ts";
import { type Network, networkOf } from "./networks.ts";
import { block, validateEvery } from "./pace.ts";
import type { Predictor } from "./predictor.ts";
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
  /** On text that is held out, when last looked at. */
  readonly validation: number;
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
  readonly training: Reader;
  readonly validation: Reader;
  /** Of a network that predicts. */
  readonly foreseen: Predictor | undefined;
  readonly writer: Writer | undefined;
  /** Made when first asked for. */
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
  #validated = 0;

  /** @param read gives a file's text. */
  constructor(engine: Engine, read: (file: string) => Promise<string>) {
    this.#engine = engine;
    this.#read = read;
  }

  /** Starts over with settings. */
  async configure(settings: Settings): Promise<Frame> {
    const { source, own, batch, seed } = settings;
    const texts = await Promise.all(files[source].map((file) => this.#read(file)));
    this.#free();
    this.#settings = settings;
    this.#material =
      source === "tags" ? tagMaterial(texts[0]!, texts[1]!, batch, seed) : materialOf(texts[0] ?? own, batch, seed);
    this.#network = await this.#build();
    this.#step = 0;
    this.#validated = await this.#validate();
    return this.#frame();
  }

  /** Changes the learning rate, and nothing else. */
  setRate(rate: number): void {
    this.#engine.write(this.#network!.optimizer.lr, rate);
  }

  /** Trains for some steps, but not beyond the end of a block. */
  async advance(steps: number): Promise<Frame> {
    const { training } = this.#network!;
    const { at, batches, lines } = this.#material;
    const end = Math.min(this.#step + steps, this.#step - (this.#step % block) + block);
    while (this.#step < end) {
      if (this.#step % block === 0) this.#engine.write(training.tally, 0);
      if (!lines && this.#step % batches === 0) for (const state of training.states) this.#engine.write(state, 0);
      await training.program.run(at(this.#step));
      this.#step++;
    }
    if (this.#step % validateEvery === 0) this.#validated = await this.#validate();
    return this.#frame();
  }

  /** Writes a piece of a sample. @param begins a new one. */
  async write(begins: boolean, count: number, temperature: number): Promise<Piece> {
    const { writer } = this.#network!;
    if (!writer) return { text: "", ends: true };
    if (begins) writer.begin(this.#settings.seed, this.#step);
    return writer.write(count, temperature);
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
      looked: this.#step % validateEvery === 0,
      baseline,
      parameters: [...model.weights.values()].reduce((count, { size }) => count + size, 0),
    };
  }

  async #validate(): Promise<number> {
    const { program, states, tally } = this.#network!.validation;
    for (const variable of [...states, tally]) this.#engine.write(variable, 0);
    for (const batch of this.#material.validation) await program.run(batch);
    const [sum] = await this.#engine.read(tally);
    return sum! / this.#material.validation.length / Math.LN2;
  }

  async #build(): Promise<Trained> {
    const engine = this.#engine;
    const { window, validationWindow, lines, labels } = this.#material;
    const network = await networkOf(this.#settings, this.#material);
    const { model } = network;
    const optimizer = optim.adam({ lr: this.#settings.rate });
    const options = { clip, carries: !lines, ...(lines && { ignoreIndex: ignored }) };
    // All kernels are compiled side by side. The first program lays out the variables that all share.
    const [training, validation, foreseen] = await Promise.all([
      compileReader(engine, model, { ...window, ...options }, optimizer),
      compileReader(engine, model, { ...validationWindow, ...options }),
      labels ? undefined : network.predictor(engine),
    ]);
    const writer = foreseen && new Writer(this.#material, foreseen);
    return { ...network, optimizer, training, validation, foreseen, writer };
  }

  #free(): void {
    if (!this.#network) return;
    const { model, training, validation, foreseen, insight, memory, examiner } = this.#network;
    for (const part of [insight, memory, examiner]) part?.destroy();
    const states = [training, validation].flatMap(({ program, states, tally }) => {
      program.destroy();
      return [...states, tally];
    });
    this.#engine.free([...model.weights.values(), ...states, ...(foreseen?.destroy() ?? [])]);
    this.#network = undefined;
  }
}

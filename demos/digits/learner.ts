import {
  concat,
  type Engine,
  losses,
  optim,
  type Program,
  type Recording,
  reshape,
  softmax,
  type Tensor,
  type Variable,
  variable,
} from "../../src/index.ts";
import type { Inside } from "./anatomy.ts";
import { type Images, inputOf } from "./images.ts";
import { createNetwork, type Network } from "./networks.ts";
import { classes } from "./packs.ts";
import { batchSize, type NetworkName, type Settings } from "./settings.ts";
import { graphOf, trainingStep } from "./step.ts";
import type { Chosen, Replacement, StepKernel } from "./stepKernels.ts";

/** Test images per run. */
export const examined = 250;

/** Mean loss and share of right answers over some images. */
export interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

/** What a network says of some images. */
export interface Answers {
  readonly guesses: Uint8Array;
  /** The probability that it gives each guess. */
  readonly confidence: Float32Array;
  /** Sum of their losses. */
  readonly loss: number;
}

type Programs = ReturnType<typeof programsOf>;

/** A network, what trains it, and what looks into it. */
export class Learner {
  readonly #engine: Engine;
  readonly network: Network;
  readonly optimizer: optim.Optimizer;
  #programs: Programs;
  readonly #tally: Variable<"f32">;
  #steps = 0;

  static async create(engine: Engine, name: NetworkName, { dropout, rate, seed }: Settings): Promise<Learner> {
    const network = createNetwork(name, dropout / 100, seed);
    const optimizer = optim.adam({ lr: rate });
    const tally = variable(0, [2], { name: `${name} tally` });
    const programs = programsOf(engine, network, optimizer, tally);
    await programs.step;
    return new Learner(engine, network, optimizer, tally, programs);
  }

  private constructor(
    engine: Engine,
    network: Network,
    optimizer: optim.Optimizer,
    tally: Variable<"f32">,
    programs: Programs,
  ) {
    this.#engine = engine;
    this.network = network;
    this.optimizer = optimizer;
    this.#tally = tally;
    this.#programs = programs;
  }

  /** Takes a step. @param x images as a network takes them. @param y their digits. */
  async train(x: Float32Array, y: Int32Array): Promise<void> {
    await (await this.#programs.step).run({ x, y });
    this.#steps++;
  }

  /**
   * Goes on with another kernel in the training step, or with tilegrad's own. If it does not compile, nothing changes.
   * @throws DeviceError with line and column.
   */
  async replace(replacement: Replacement | undefined): Promise<void> {
    const { step: before } = this.#programs;
    const options = replacement && (await import("./stepKernels.ts")).optionsOf(replacement);
    const step = await this.#engine.compile(this.#step, options);
    (await before).destroy();
    this.#programs = { ...this.#programs, step: Promise.resolve(step) };
  }

  /** The kernels of the training step. @param forced a family, and its variant. */
  async kernels(forced?: Pick<Chosen, "family" | "variant">): Promise<readonly StepKernel[]> {
    const { traits, residence } = this.#engine;
    const variants = forced && { forced: { [forced.family]: { ifFits: forced.variant } } };
    const { stepKernels } = await import("./stepKernels.ts");
    return stepKernels(this.network.name, this.#step, { ...traits, ...variants }, residence.homes);
  }

  get #step() {
    return trainingStep(this.network, this.optimizer, this.#tally);
  }

  /** Records a step, and takes it back: the training goes on as if it had not been. @param step its number. */
  async record(x: Float32Array, y: Int32Array, step: number): Promise<Recording> {
    const changed = [...this.state.values(), this.#tally];
    const before = await Promise.all(changed.map((variable) => this.#engine.read(variable)));
    const recording = await (await this.#programs.step).record({ x, y }, { step });
    changed.forEach((variable, i) => this.#engine.write(variable, before[i]!));
    return recording;
  }

  /** The score of all steps since `restart`, once the GPU has taken them; undefined without a step. */
  async score(): Promise<Score | undefined> {
    const images = this.#steps * batchSize;
    const [loss, right] = await this.#engine.read(this.#tally);
    return images === 0 ? undefined : { loss: loss! / images, accuracy: right! / images };
  }

  /** Begins a new score. */
  restart(): void {
    this.#engine.write(this.#tally, 0);
    this.#steps = 0;
  }

  /** Goes on with the score of a loaded state. @param steps that it counts. */
  resume(steps: number): void {
    this.#steps = steps;
  }

  /** Everything in the network for an image. */
  async look(x: Float32Array): Promise<Inside & { readonly probabilities: Float32Array }> {
    return { network: this.network.name, ...(await (await this.#programs.view).compute({ x })) };
  }

  /** Answers for `examined` test images, from one on. */
  async examine({ labels, ...images }: Images, from: number): Promise<Answers> {
    const x = inputOf(
      images,
      Array.from({ length: examined }, (_, i) => from + i),
    );
    const y = Int32Array.from(labels.subarray(from, from + examined));
    const { probabilities, loss } = await (await this.#programs.exam).compute({ x, y });
    const rows = Array.from(y, (_, i) => probabilities.subarray(i * classes, (i + 1) * classes));
    const confidence = Float32Array.from(rows, (row) => Math.max(...row));
    return { guesses: Uint8Array.from(rows, (row, i) => row.indexOf(confidence[i]!)), confidence, loss: loss[0]! };
  }

  /** All that the training goes on from, by name. */
  get state(): Map<string, Variable> {
    const { network, optimizer } = this;
    const all = { "": network.variables, "adam.": optimizer.state(network.variables) };
    const named = Object.entries(all).flatMap(([part, variables]) =>
      [...variables].map(([name, variable]) => [`${network.name}.${part}${name}`, variable] as const),
    );
    const own = { random: network.random.key, tally: this.#tally };
    return new Map<string, Variable>([
      ...named,
      ...Object.entries(own).map(([name, variable]) => [`${network.name}.${name}`, variable] as const),
    ]);
  }

  async destroy(): Promise<void> {
    for (const program of await Promise.all(Object.values(this.#programs))) program.destroy();
    this.#engine.free(this.state);
  }
}

/**
 * One program to train, one that shows everything for an image, one that answers test images. They are compiled one
 * after the other, so that the training starts soon.
 */
function programsOf(engine: Engine, network: Network, optimizer: optim.Optimizer, tally: Variable<"f32">) {
  const compileView = () => {
    const { results, votes } = graphOf(network, 1, false);
    const weights = [...network.variables.values()] as Variable<"f32">[];
    return engine.compile({
      outputs: {
        probabilities: reshape(softmax(votes, 1), [classes]),
        values: joined(results),
        weights: joined(weights),
      },
    });
  };
  const compileExam = () => {
    const { votes, y } = graphOf(network, examined, false);
    return engine.compile({
      outputs: {
        probabilities: softmax(votes, 1),
        loss: losses.crossEntropy(votes, y, { reduction: "sum" }),
      },
    });
  };
  const step: Promise<Program> = engine.compile(trainingStep(network, optimizer, tally));
  const view = step.then(compileView);
  const exam = view.then(compileExam);
  // Whoever needs one of them gets its error.
  for (const program of [view, exam]) program.catch(() => {});
  return { step, view, exam };
}

/** All elements of some tensors, one after the other. */
const joined = (parts: readonly Tensor<"f32">[]): Tensor<"f32"> =>
  concat(
    parts.map((part) => reshape(part, [part.size])),
    0,
  );

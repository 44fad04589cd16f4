import { data, type Engine, io, losses, nn, optim } from "../../src/index.ts";
import { type Callback, earlyStopping, mse, Trainer } from "../../src/train/index.ts";
import type { Houses } from "./houses.ts";

export interface Settings {
  /** Units of each hidden layer. */
  readonly hidden: readonly number[];
  /** Most epochs to train. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly weightDecay: number;
  /** Number of epochs without a better validation error before training stops. */
  readonly patience: number;
  /** Determines split, initial weights and the order of the rows. */
  readonly seed: number;
}

export interface Parts {
  readonly train: Houses;
  readonly validation: Houses;
  readonly test: Houses;
}

/** 15 % of the rows for validation, 15 % for testing, the rest for training. */
export function divide(houses: Houses, seed: number): Parts {
  const share = Math.round(0.15 * data.datasetSize(houses));
  const { train: rest, validation: test } = data.trainValidationSplit(houses, { validation: share, seed });
  return { test, ...data.trainValidationSplit(rest, { validation: share, seed: seed + 1 }) };
}

/** Root mean squared errors, in the unit of the prices: of an epoch's batches, and of validation after it. */
export interface EpochErrors {
  readonly epoch: number;
  readonly train: number;
  readonly validation: number;
}

/** The course of a training. */
export interface Fit {
  readonly history: readonly EpochErrors[];
  /** The epoch whose weights were kept; undefined if Ctrl-C came before the end of the first. */
  readonly best: EpochErrors | undefined;
}

/** A multilayer perceptron from features to a price. */
export class Regression {
  readonly #inputs: data.Normalizer;
  readonly #prices: data.Normalizer;
  readonly #trainer: Trainer<"rmse">;

  /** Creates a network with random weights. Normalisation uses means and deviations of the training rows only. */
  constructor(engine: Engine, train: Houses, { hidden, lr, weightDecay, seed }: Settings) {
    nn.seed(seed);
    const sizes = [train.x.shape[1]!, ...hidden];
    const layers = hidden.flatMap((units, i) => [nn.linear(sizes[i]!, units), nn.relu()]);
    this.#inputs = data.standardize(train.x);
    this.#prices = data.standardize(train.y);
    const [deviation] = this.#prices.state.divisor;
    this.#trainer = new Trainer({
      engine,
      model: nn.sequential(...layers, nn.linear(sizes.at(-1)!, 1)),
      loss: losses.mse,
      optimizer: optim.adamW({ lr, weightDecay }),
      metrics: { rmse: { means: [mse], finish: (mean) => Math.sqrt(mean) * deviation! } },
    });
  }

  /** Number of weights. */
  get parameters(): number {
    return [...this.#trainer.variables.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Predicted prices of some rows. */
  async predict({ x }: Houses): Promise<Float32Array> {
    const price = await this.#trainer.predict({ data: this.#inputs.apply(x.data), shape: x.shape });
    return this.#prices.invert(price.data);
  }

  /** The root mean squared error on some rows. */
  async error(houses: Houses): Promise<number> {
    return (await this.#trainer.evaluate(this.#normalized(houses))).rmse;
  }

  /**
   * Trains until the validation error has not improved for `patience` epochs, and restores the best weights.
   * @param watch is called with the errors after each epoch. @param signal ends the training early.
   */
  async fit(
    { train, validation }: Pick<Parts, "train" | "validation">,
    { epochs, batchSize, patience, seed }: Settings,
    watch: (errors: EpochErrors) => void,
    signal: AbortSignal,
  ): Promise<Fit> {
    const history: EpochErrors[] = [];
    const report: Callback = {
      onEpochEnd({ epoch, rmse, val_rmse }) {
        history.push({ epoch, train: rmse!, validation: val_rmse! });
        watch(history.at(-1)!);
      },
    };
    await this.#trainer.fit(this.#normalized(train), {
      epochs,
      batchSize,
      seed,
      signal,
      validationData: this.#normalized(validation),
      callbacks: [earlyStopping({ monitor: "val_rmse", patience }), report],
    });
    const [best] = history.toSorted((a, b) => a.validation - b.validation);
    return { history, best };
  }

  /** The weights, with the normalisation parameters. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    return io.saveSafetensors(this.#trainer.engine, this.#trainer.variables, {
      format: "pt",
      inputs: JSON.stringify(this.#inputs.state),
      prices: JSON.stringify(this.#prices.state),
    });
  }

  #normalized({ x, y }: Houses) {
    return {
      x: { data: this.#inputs.apply(x.data), shape: x.shape },
      y: { data: this.#prices.apply(y.data), shape: y.shape },
    };
  }
}

import {
  data,
  type Engine,
  input,
  io,
  losses,
  metrics,
  nn,
  optim,
  type Program,
  type Tensor,
} from "../../src/index.ts";
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

/** Errors after an epoch: root mean squared errors, in the unit of the prices. */
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

interface State {
  readonly engine: Engine;
  readonly model: nn.Module;
  readonly inputs: data.Normalizer;
  readonly prices: data.Normalizer;
}

/** A multilayer perceptron from features to a price. */
export class Regression {
  readonly #state: State;
  /** By number of rows. */
  readonly #predictors = new Map<number, Program<{ readonly price: Tensor }>>();

  /** Creates a network with random weights. Normalisation uses means and deviations of the training rows only. */
  constructor(engine: Engine, train: Houses, { hidden, seed }: Settings) {
    nn.seed(seed);
    const sizes = [train.x.shape[1]!, ...hidden];
    const layers = hidden.flatMap((units, i) => [nn.linear(sizes[i]!, units), nn.relu()]);
    const model = nn.sequential(...layers, nn.linear(sizes.at(-1)!, 1));
    this.#state = { engine, model, inputs: data.standardize(train.x), prices: data.standardize(train.y) };
  }

  /** Number of weights. */
  get parameters(): number {
    return [...this.#state.model.variables.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Predicted prices of some rows. */
  async predict({ x }: Houses): Promise<Float32Array> {
    const { engine, model, inputs, prices } = this.#state;
    const program =
      this.#predictors.get(x.shape[0]!) ?? (await engine.compile({ outputs: { price: model(input("x", x.shape)) } }));
    this.#predictors.set(x.shape[0]!, program);
    const { price } = await program.compute({ x: inputs.apply(x.data) });
    return prices.invert(price);
  }

  /**
   * Trains until the validation error has not improved for `patience` epochs, and restores the best weights.
   * @param watch is called with the errors after each epoch. @param stop ends the training early.
   */
  async fit(
    { train, validation }: Pick<Parts, "train" | "validation">,
    { epochs, batchSize, lr, weightDecay, patience, seed }: Settings,
    watch: (errors: EpochErrors) => void,
    stop: AbortSignal,
  ): Promise<Fit> {
    const { engine, model, inputs, prices } = this.#state;
    const rows = {
      x: { data: inputs.apply(train.x.data), shape: train.x.shape },
      y: { data: prices.apply(train.y.data), shape: train.y.shape },
    };
    const optimizer = optim.adamW({ lr, weightDecay });
    // The last batch of an epoch may be smaller, and needs its own program.
    const n = data.datasetSize(rows);
    const steps = new Map<number, Program>();
    for (const size of [Math.min(n, batchSize), n % batchSize].filter((rows) => rows > 0)) {
      const loss = losses.mse(model(input("x", [size, inputs.features]), { training: true }), input("y", [size, 1]));
      steps.set(size, await engine.compile({ updates: optimizer.minimize(loss) }));
    }

    const history: EpochErrors[] = [];
    let best: EpochErrors | undefined;
    let bestWeights = await this.save();
    for (let epoch = 1; epoch <= epochs && !stop.aborted; epoch++) {
      for (const batch of data.batches(rows, { batchSize, shuffle: true, seed, epoch })) {
        await steps.get(batch.y.length)!.run(batch);
      }
      const error = async (part: Houses) => metrics.rmse(await this.predict(part), part.y.data);
      const errors = { epoch, train: await error(train), validation: await error(validation) };
      history.push(errors);
      watch(errors);
      if (!best || errors.validation < best.validation) {
        best = errors;
        bestWeights = await this.save();
      } else if (epoch - best.epoch >= patience) break;
    }
    io.loadSafetensors(engine, nn.stateDict(model), bestWeights);
    return { history, best };
  }

  /** The weights, with the normalisation parameters. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    const { engine, model, inputs, prices } = this.#state;
    return io.saveSafetensors(engine, nn.stateDict(model), {
      format: "pt",
      inputs: JSON.stringify(inputs.state),
      prices: JSON.stringify(prices.state),
    });
  }
}

/**
 * A network in plain JavaScript that trains one sample at a time: objects for units and links, gradients summed over a
 * batch, then one step. TensorFlow Playground is said to work this way. This is a stand-in of our own for it, since that
 * page comes in no package.
 */
export class PerSample {
  /** Layers of units; the first holds the inputs. */
  readonly layers: readonly (readonly Unit[])[];

  /** @param weight a first weight for each link, in any order. */
  constructor(sizes: readonly number[], weight: () => number) {
    const layers: Unit[][] = [];
    for (const [i, size] of sizes.entries()) {
      const before = layers.at(-1) ?? [];
      const isLast = i === sizes.length - 1;
      layers.push(Array.from({ length: size }, () => new Unit(before, weight, isLast ? linear : tanh)));
    }
    this.layers = layers;
  }

  forward(x: readonly number[]): number {
    for (const [i, unit] of this.layers[0]!.entries()) unit.output = x[i]!;
    for (const layer of this.layers.slice(1)) for (const unit of layer) unit.forward();
    return this.layers.at(-1)![0]!.output;
  }

  /** Adds a sample's gradients. The loss is half the squared error. */
  backward(target: number): void {
    const last = this.layers.at(-1)![0]!;
    last.outputGrad = last.output - target;
    for (let i = this.layers.length - 1; i > 0; i--) {
      for (const unit of this.layers[i - 1]!) unit.outputGrad = 0;
      for (const unit of this.layers[i]!) unit.backward();
    }
  }

  /** A step of gradient descent by the mean gradient of the samples since the last one. */
  update(rate: number, samples: number): void {
    for (const layer of this.layers.slice(1)) for (const unit of layer) unit.update(rate / samples);
  }
}

interface Activation {
  readonly of: (x: number) => number;
  /** The derivative, from the value. */
  readonly slope: (y: number) => number;
}

const tanh: Activation = { of: Math.tanh, slope: (y) => 1 - y * y };
const linear: Activation = { of: (x) => x, slope: () => 1 };

interface Link {
  readonly from: Unit;
  weight: number;
  grad: number;
}

class Unit {
  output = 0;
  outputGrad = 0;
  #bias = 0;
  #biasGrad = 0;
  readonly #links: Link[];
  readonly #activation: Activation;

  constructor(before: readonly Unit[], weight: () => number, activation: Activation) {
    this.#links = before.map((from) => ({ from, weight: weight(), grad: 0 }));
    this.#activation = activation;
  }

  forward(): void {
    let sum = this.#bias;
    for (const { from, weight } of this.#links) sum += weight * from.output;
    this.output = this.#activation.of(sum);
  }

  backward(): void {
    const grad = this.outputGrad * this.#activation.slope(this.output);
    this.#biasGrad += grad;
    for (const link of this.#links) {
      link.grad += grad * link.from.output;
      link.from.outputGrad += grad * link.weight;
    }
  }

  update(rate: number): void {
    this.#bias -= rate * this.#biasGrad;
    this.#biasGrad = 0;
    for (const link of this.#links) {
      link.weight -= rate * link.grad;
      link.grad = 0;
    }
  }
}

import { floats, type Shape } from "../graph/shape.ts";
import { applyAll, fullValue, type Node, type Tensor, type Update, Variable } from "../graph/tensor.ts";
import { kernelsOf } from "../kernels/lowering.ts";
import { inLayer } from "../layer.ts";
import { cast } from "../ops/pointwise/arithmetic.ts";
import { castAll } from "../ops/pointwise/castAll.ts";
import { constant, full } from "../ops/sources/constants.ts";
import { checkModule, type Mode, type Module, module } from "./module.ts";

/**
 * The same model in mixed precision. Matrix products, convolutions, recurrent layers and the ops between them store f16,
 * and so do normalisations, softmax and embeddings behind them. Sums, statistics, cell states and elementary functions
 * are f32 inside kernels. Exponentials and logarithms stay f32, and so does the result, for the loss. The model's
 * variables stay f32 ("master weights"): each run rounds them to f16 in one dispatch, and gradients are f32.
 *
 * `torch.autocast` instead stores normalisations, softmax and embeddings in f32.
 *
 * Gradients of f16 activations may underflow: train with `optim.lossScaler`.
 *
 * @example
 * const fast = engine.traits.features.has("shader-f16") ? nn.mixedPrecision(model) : model;
 * const loss = losses.crossEntropy(fast(x, { training: true }), y);
 * const updates = optimizer.minimize(loss, { scaler: optim.lossScaler() });
 *
 * @returns a module with the same variables. On adapters without f16 its programs fail with a LimitError.
 */
export function mixedPrecision(model: Module): Module {
  checkModule("nn.mixedPrecision", "the model", model);
  const forward = (x: Tensor, mode: Mode) => {
    const y = model(x, mode);
    const wanted = new Set<Variable>();
    // Twice: first to find which variables are needed as f16, then with all of them from one cast.
    new Halving(x, (variable) => {
      wanted.add(variable);
      return cast(variable, "f16");
    }).result(y);
    const variables = [...wanted];
    const halves = castAll(variables);
    return new Halving(x, (variable) => halves[variables.indexOf(variable)]!).result(y);
  };
  return module(forward, model, "nn.mixedPrecision", [model]);
}

/** Rebuilds the graph from a model's input to its result with other dtypes. */
class Halving {
  readonly #input: Tensor;
  readonly #variable: (variable: Variable) => Tensor;
  readonly #done = new Map<Tensor, Tensor>();
  readonly #halves = new Map<Tensor, Tensor>();
  /** The input, and values that depend on parameters and numbers only: they take the dtype of the other operands. */
  readonly #light = new Set<Tensor>();

  constructor(input: Tensor, variable: (variable: Variable) => Tensor) {
    this.#input = input;
    this.#variable = variable;
    if (input.dtype === "f32") this.#light.add(input);
  }

  result(y: Tensor): Tensor {
    for (const node of between(this.#input, y)) {
      const results = inLayer(node.layer, () => this.#rebuild(node));
      node.results.forEach((result, i) => this.#done.set(result, results[i]!));
    }
    const value = this.#now(y);
    return y.dtype === "f32" ? cast(value, "f32") : value;
  }

  #now(tensor: Tensor): Tensor {
    return this.#done.get(tensor) ?? tensor;
  }

  #rebuild(node: Node): readonly Tensor[] {
    const { op, attrs, results } = node;
    if (op.source) {
      if (op.source !== "input") this.#light.add(results[0]!);
      return results;
    }
    const inputs = node.inputs.map((input) => this.#now(input));
    const typed = this.#typed(node, inputs);
    const effects = node.effects.map(([variable, value]): Update => [variable, cast(this.#now(value), variable.dtype)]);
    const narrows = kernelsOf(op)?.narrows && results[0]!.dtype === "f32";
    const same =
      !narrows &&
      typed.every((input, i) => input === node.inputs[i]) &&
      effects.every(([, v], i) => v === node.effects[i]![1]);
    const made = same ? results : applyAll(op, typed, narrows ? { ...attrs, to: "f16" } : attrs, effects);
    if ((op.view || op.name === "cast") && typed.every((input) => this.#light.has(input)))
      for (const result of made) this.#light.add(result);
    return made;
  }

  /** The inputs of a node, cast to the dtypes it should have. */
  #typed({ op }: Node, inputs: readonly Tensor[]): readonly Tensor[] {
    if (op.name === "cast") return inputs;
    const precision = kernelsOf(op)?.precision;
    if (precision === "half") return inputs.map((input) => this.#half(input));
    if (precision === "first") return inputs.map((input, i) => (i === 0 ? input : wide(input)));
    const follows = precision === "operands" || op.view || (op.pointwise && !op.pointwise.wide);
    const heavy = inputs.filter((input) => floats.includes(input.dtype) && !this.#light.has(input));
    const allHalf = heavy.length > 0 && heavy.every(({ dtype }) => dtype === "f16");
    return inputs.map((input) => (follows && allHalf ? this.#half(input) : wide(input)));
  }

  /** A tensor as f16. Casts what lies behind a view of a parameter, and not the view, which costs nothing. */
  #half(tensor: Tensor): Tensor {
    if (tensor.dtype !== "f32") return tensor;
    const known = this.#halves.get(tensor);
    if (known) return known;
    const half = this.#halved(tensor);
    this.#halves.set(tensor, half);
    if (this.#light.has(tensor)) this.#light.add(half);
    return half;
  }

  #halved(tensor: Tensor): Tensor {
    const { op, inputs, attrs } = tensor.node;
    if (tensor === this.#input) return cast(tensor, "f16");
    const value = fullValue(tensor);
    if (value !== undefined) return full(tensor.shape, value, "f16");
    if (op.source === "constant") return constant(attrs["data"], attrs["shape"] as Shape, attrs["name"], "f16");
    if (tensor instanceof Variable) return this.#variable(tensor);
    if (op.view) return applyAll(op, [this.#half(inputs[0]!)], attrs)[0]!;
    return cast(tensor, "f16");
  }
}

/** An f16 tensor as f32; others unchanged. */
const wide = (x: Tensor): Tensor => (x.dtype === "f16" ? cast(x, "f32") : x);

/** The nodes between an input and a result, including those of the updates they bring; inputs before users. */
function between(input: Tensor, y: Tensor): Node[] {
  const seen = new Set<Node>([input.node]);
  const found: Node[] = [];
  const stack = [y.node];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    found.push(node);
    stack.push(...node.inputs.map((tensor) => tensor.node), ...node.effects.map(([, value]) => value.node));
  }
  return found.sort((a, b) => a.id - b.id);
}

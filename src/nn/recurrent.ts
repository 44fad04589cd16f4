import { checkLike, checkNumber, checkWhole, optionsOf, ShapeError } from "../errors.ts";
import { showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor, type Variable } from "../graph/tensor.ts";
import { reshape, slice } from "../ops/moves/views.ts";
import * as ops from "../ops/network/recurrent.ts";
import { variable } from "../ops/sources/constants.ts";
import { type Initializer, uniform } from "./init.ts";
import { dropout as dropoutLayer } from "./layers.ts";
import { layer, type Mode, type Module, type Moving, module, plain, type Recipe } from "./module.ts";

/** Options of `lstm`, `gru` and `rnn`. */
export interface RecurrentLayerOptions {
  /** Number of layers; each reads the outputs of the one before. Default 1. PyTorch's `num_layers`. */
  readonly layers?: number;
  /** Whether to add biases; default true. */
  readonly bias?: boolean;
  /** Whether input and output are `[N, T, …]` instead of `[T, N, …]`; default false. */
  readonly batchFirst?: boolean;
  /** Probability of dropping, in training, the outputs that the next layer reads; default 0. */
  readonly dropout?: number;
  /** Whether each layer also reads the sequence backwards, with its own weights; default false. */
  readonly bidirectional?: boolean;
  /** Initial values of all weights and biases; default uniform within ±1/√H, as in PyTorch. */
  readonly weightInit?: Initializer;
}

/**
 * A recurrent layer: a function from a sequence and optional first states to outputs and last states. Inside
 * `sequential`, use its `output`: the same layer as a module that returns only the outputs.
 */
export interface Recurrent<Result, States> {
  (x: Tensor, options?: Mode & States): Result;
  /**
   * `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, the same with `_reverse` for the other direction, then
   * `…_l1`.
   */
  readonly variables: ReadonlyMap<string, Variable>;
  readonly output: Module;
}

/** First hidden states `[layers · D, N, H]`; default 0. */
export interface HiddenStates {
  readonly h0?: Tensor;
}

/** First hidden and cell states `[layers · D, N, H]`; default 0. */
export interface LstmStates extends HiddenStates {
  readonly c0?: Tensor;
}

/**
 * Long short-term memory: `[T, N, inputs]` → output `[T, N, D · hidden]`, hN and cN `[layers · D, N, hidden]`, where D
 * is 2 if bidirectional and else 1. See {@link ops.lstm}.
 * @throws AttributeError for sizes that are not whole numbers from 1, or a dropout outside 0 to 1.
 */
export const lstm = (
  inputs: number,
  hidden: number,
  options: RecurrentLayerOptions = {},
): Recurrent<ops.LstmResult<"f32">, LstmStates> => recurrent("lstm", 4, ops.lstm, inputs, hidden, options);

/** Gated recurrent unit: `[T, N, inputs]` → output `[T, N, D · hidden]` and hN `[layers · D, N, hidden]`. See {@link ops.gru}. */
export const gru = (
  inputs: number,
  hidden: number,
  options: RecurrentLayerOptions = {},
): Recurrent<ops.RecurrentResult<"f32">, HiddenStates> => recurrent("gru", 3, ops.gru, inputs, hidden, options);

/** Simple recurrent network with tanh: `[T, N, inputs]` → output `[T, N, D · hidden]` and hN `[layers · D, N, hidden]`. */
export const rnn = (
  inputs: number,
  hidden: number,
  options: RecurrentLayerOptions = {},
): Recurrent<ops.RecurrentResult<"f32">, HiddenStates> => recurrent("rnn", 1, ops.rnn, inputs, hidden, options);

/** The weights are f32, so the ops refuse any other input. */
const asF32 = (x: Tensor): Tensor<"f32"> => x as Tensor<"f32">;

/** One step of a recurrence, with variables `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`. */
export interface RecurrentCell<State, Next extends State = State> {
  /** x is `[N, inputs]`; states are `[N, hidden]`, default 0. */
  (x: Tensor, state?: State): Next;
  readonly variables: ReadonlyMap<string, Variable>;
}

/** Options of `lstmCell`, `gruCell` and `rnnCell`. */
export type CellOptions = Pick<RecurrentLayerOptions, "bias" | "weightInit">;

/** One step of an LSTM: x `[N, inputs]` and `{ h, c }` `[N, hidden]` → the next `{ h, c }`. */
export function lstmCell(
  inputs: number,
  hidden: number,
  options: CellOptions = {},
): RecurrentCell<{ h: Tensor; c: Tensor }, { h: Tensor<"f32">; c: Tensor<"f32"> }> {
  const { weights, recipe } = cellWeights("lstmCell", 4, inputs, hidden, options);
  return layer(
    (x: Tensor, state: { h?: Tensor; c?: Tensor } = {}) => ops.lstmCell(asF32(x), weights, state),
    ...recipe,
  );
}

/** One step of a GRU: x `[N, inputs]` and h `[N, hidden]` → the next h. */
export function gruCell(
  inputs: number,
  hidden: number,
  options: CellOptions = {},
): RecurrentCell<Tensor, Tensor<"f32">> {
  const { weights, recipe } = cellWeights("gruCell", 3, inputs, hidden, options);
  return layer((x: Tensor, h?: Tensor) => ops.gruCell(asF32(x), weights, h), ...recipe);
}

/** One step of a simple recurrent network: x `[N, inputs]` and h `[N, hidden]` → the next h. */
export function rnnCell(
  inputs: number,
  hidden: number,
  options: CellOptions = {},
): RecurrentCell<Tensor, Tensor<"f32">> {
  const { weights, recipe } = cellWeights("rnnCell", 1, inputs, hidden, options);
  return layer((x: Tensor, h?: Tensor) => ops.rnnCell(asF32(x), weights, h), ...recipe);
}

/** The last position along an axis, with that axis removed: `[N, T, F]` → `[N, F]`. @param axis default 1. */
export function lastStep(axis = 1): Moving {
  checkWhole("nn.lastStep", "axis", axis, 0);
  const forward = (x: Tensor) => {
    checkTensors("nn.lastStep", x);
    if (axis >= x.shape.length) {
      throw new ShapeError(`nn.lastStep: axis ${axis} does not exist in ${showShape(x.shape)}`);
    }
    const last = slice(
      x,
      x.shape.map((n, k) => (k === axis ? ([n - 1, n] as const) : undefined)),
    );
    return reshape(
      last,
      x.shape.filter((_, k) => k !== axis),
    );
  };
  return plain("nn.lastStep", forward, axis) as Moving;
}

/**
 * Creates the weights of one direction of one layer, under PyTorch's names with `suffix`, and adds them to `variables`.
 */
function makeWeights(
  gates: number,
  inputs: number,
  hidden: number,
  { bias, weightInit = uniform(1 / Math.sqrt(hidden)) }: CellOptions,
  suffix: string,
  variables: Map<string, Variable>,
): ops.RecurrentWeights {
  const make = (name: string, shape: number[]): Variable => {
    const made = variable(weightInit(shape), shape, { name: `${name}${suffix}` });
    variables.set(made.name, made);
    return made;
  };
  const weights = {
    weightIh: make("weight_ih", [gates * hidden, inputs]),
    weightHh: make("weight_hh", [gates * hidden, hidden]),
  };
  if (!bias) return weights;
  return { ...weights, biasIh: make("bias_ih", [gates * hidden]), biasHh: make("bias_hh", [gates * hidden]) };
}

/** The default initial values depend on the size. */
const cellOptions = { bias: true, weightInit: undefined };

const checkInit = (op: string, weightInit: Initializer | undefined): void =>
  checkLike(op, "weightInit", weightInit === undefined ? checkInit : weightInit, checkInit);

function cellWeights(layer: string, gates: number, inputs: number, hidden: number, options: CellOptions) {
  const op = `nn.${layer}`;
  checkWhole(op, "inputs", inputs);
  checkWhole(op, "hidden", hidden);
  const variables = new Map<string, Variable>();
  const all = optionsOf(op, options, cellOptions);
  checkInit(op, all.weightInit);
  const weights = makeWeights(gates, inputs, hidden, all, "", variables);
  const recipe: Recipe = [variables, op, [inputs, hidden, { bias: all.bias }]];
  return { weights, recipe };
}

function recurrent<Result extends ops.RecurrentResult<"f32">>(
  name: string,
  gates: number,
  op: (x: Tensor<"f32">, weights: readonly ops.RecurrentWeights[], options: ops.LstmOptions) => Result,
  inputs: number,
  hidden: number,
  options: RecurrentLayerOptions,
): Recurrent<Result, LstmStates> {
  const label = `nn.${name}`;
  const all = optionsOf(label, options, {
    ...cellOptions,
    layers: 1,
    batchFirst: false,
    dropout: 0,
    bidirectional: false,
  });
  const { layers, batchFirst, dropout, bidirectional } = all;
  for (const [size, value] of Object.entries({ inputs, hidden, layers })) checkWhole(label, size, value);
  checkNumber(label, "dropout", dropout, "a probability from 0 to 1", (n) => n >= 0 && n <= 1);
  checkInit(label, all.weightInit);
  const drop = dropout === 0 ? undefined : dropoutLayer(dropout);
  const suffixes = bidirectional ? ["", "_reverse"] : [""];
  const variables = new Map<string, Variable>();
  const weights = Array.from({ length: layers }, (_, layer) =>
    suffixes.map((suffix) =>
      makeWeights(
        gates,
        layer === 0 ? inputs : suffixes.length * hidden,
        hidden,
        all,
        `_l${layer}${suffix}`,
        variables,
      ),
    ),
  ).flat();
  const apply = (x: Tensor, given: Mode & LstmStates = {}): Result => {
    optionsOf(label, given, { training: true, h0: undefined, ...(name === "lstm" ? { c0: undefined } : {}) } as {
      training: true;
      h0: undefined;
      c0: undefined;
    });
    // A copy that does not read `training`; only dropout does.
    const { h0, c0, ...mode } = given;
    return op(asF32(x), weights, {
      ...(h0 !== undefined && { h0 }),
      ...(c0 !== undefined && { c0 }),
      bidirectional,
      batchFirst,
      ...(drop && { between: (y: Tensor) => drop(y, mode) }),
    });
  };
  const args = [inputs, hidden, { layers, bias: all.bias, batchFirst, dropout, bidirectional }];
  return Object.assign(layer(apply, variables, label, args), {
    output: module((x, mode) => apply(x, mode).output, variables, `${label}.output`, args),
  });
}

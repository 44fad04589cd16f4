import {
  add,
  constant,
  embedding,
  grad,
  input,
  losses,
  mean,
  nn,
  optim,
  reshape,
  type Tensor,
  type TensorData,
  type Update,
  type Variable,
  variable,
} from "../../src/index.ts";
import { firstMiss, type GoldenModel, type GoldenTensor, readTensors, type Trajectory } from "./cases.ts";

/*
 * The reference models and training runs, on any executor: models, losses and optimizers by the names of
 * `manifest.json`.
 */

const activations: Readonly<Record<string, () => nn.Module>> = {
  relu: nn.relu,
  tanh: nn.tanh,
  "leaky_relu_0.1": () => nn.leakyRelu(0.1),
};

/** A table whose rows are looked up by integers. */
function table(rows: number, size: number): nn.Module {
  const weight = variable(nn.init.normal(1)([rows, size]), [rows, size], { name: "weight" });
  return nn.module((x) => embedding(x, weight), { weight });
}

/** Models by architecture, with the variables' names as in the files. */
const architectures: Readonly<Record<string, (config: Trajectory["config"]) => nn.Module>> = {
  mlp({ sizes, activation }) {
    const layers = (sizes as number[])
      .slice(1)
      .flatMap((size, i) => [activations[activation]!(), nn.linear(sizes[i], size)]);
    return nn.sequential(...layers.slice(1));
  },
  lenet({ channels: [first, second], kernel1, padding1, kernel2, hidden, classes, activation, pool }) {
    const act = activations[activation]!;
    const halve = () => (pool === "max" ? nn.maxPool2d(2) : nn.avgPool2d(2));
    const side = Math.floor((Math.floor((12 + 2 * padding1 - kernel1 + 1) / 2) - kernel2 + 1) / 2);
    return nn.sequential({
      conv1: nn.conv2d(1, first, kernel1, { padding: padding1 }),
      act1: act(),
      pool1: halve(),
      conv2: nn.conv2d(first, second, kernel2),
      act2: act(),
      pool2: halve(),
      flatten: nn.flatten(),
      fc1: nn.linear(second * side * side, hidden),
      act3: act(),
      fc2: nn.linear(hidden, classes),
    });
  },
  batchnorm_cnn({ in_channels, channels: [first, second], classes, momentum, eps, activation }) {
    const act = activations[activation]!;
    return nn.sequential({
      conv1: nn.conv2d(in_channels, first, 3, { padding: 1, bias: false }),
      bn1: nn.batchNorm2d(first, { momentum, eps }),
      act1: act(),
      conv2: nn.conv2d(first, second, 3, { padding: 1, stride: 2, bias: false }),
      bn2: nn.batchNorm2d(second, { momentum, eps }),
      act2: act(),
      pool: nn.stateless((x) => mean(x, [2, 3])),
      fc: nn.linear(second, classes),
    });
  },
  transformer({ vocab, seq, d_model: size, nhead, dim_feedforward: feedforward, activation, causal, pool, out }) {
    const layers = {
      tok_emb: nn.embedding(vocab, size),
      pos_emb: nn.embedding(seq, size),
      block: nn.transformerEncoderLayer(size, nhead, { feedforward, activation, dropout: 0, normFirst: true }),
      norm: nn.layerNorm(size),
      head: nn.linear(size, out),
    };
    const positions = constant(
      Int32Array.from({ length: seq }, (_, i) => i),
      [seq],
    );
    return nn.module((x, mode) => {
      const h = layers.block(add(layers.tok_emb(x), layers.pos_emb(positions)), mode, { causal });
      const y = layers.norm(h);
      return layers.head(pool === "mean" ? mean(y, 1) : y);
    }, nn.sequential(layers).variables);
  },
  lstm_lm: ({ vocab, embed, hidden, num_layers: layers }) =>
    nn.sequential({
      embedding: table(vocab, embed),
      lstm: nn.lstm(embed, hidden, { layers, batchFirst: true }).output,
      fc: nn.linear(hidden, vocab),
    }),
  gru: ({ input, hidden, out, bidirectional, pool }) =>
    nn.sequential({
      gru: nn.gru(input, hidden, { bidirectional, batchFirst: true }).output,
      pool: pool === "last" ? nn.lastStep() : nn.stateless((x) => mean(x, 1)),
      fc: nn.linear(bidirectional ? 2 * hidden : hidden, out),
    }),
};

const lossesByName: Readonly<Record<string, (output: Tensor, target: Tensor) => Tensor>> = {
  // Classes are the last axis; all others count as rows.
  cross_entropy: (output, target) =>
    losses.crossEntropy(reshape(output, [-1, output.shape.at(-1)!]), reshape(target, [-1])),
  binary_cross_entropy_with_logits: (output, target) => losses.bceWithLogits(output, target),
  mse_loss: (output, target) => losses.mse(output, target),
};

type Make = (options: Trajectory["optimizer"], schedule: { schedule?: optim.Schedule }) => optim.Optimizer;

/** Optimizers by PyTorch's names. */
const optimizers: Readonly<Record<string, Make>> = {
  SGD: ({ lr, momentum, dampening, nesterov, weight_decay: weightDecay }, schedule) =>
    optim.sgd({ lr, momentum, dampening, nesterov, weightDecay, ...schedule }),
  Adam: ({ lr, betas, eps, weight_decay: weightDecay, amsgrad }, schedule) =>
    optim.adam({ lr, betas, eps, weightDecay, amsgrad, ...schedule }),
  AdamW: ({ lr, betas, eps, weight_decay: weightDecay, amsgrad }, schedule) =>
    optim.adamW({ lr, betas, eps, weightDecay, amsgrad, ...schedule }),
  Adamax: ({ lr, betas, eps, weight_decay: weightDecay }, schedule) =>
    optim.adamax({ lr, betas, eps, weightDecay, ...schedule }),
  NAdam: ({ lr, betas, eps, weight_decay: weightDecay, momentum_decay: momentumDecay }, schedule) =>
    optim.nadam({ lr, betas, eps, weightDecay, momentumDecay, ...schedule }),
  RAdam: ({ lr, betas, eps, weight_decay: weightDecay }, schedule) =>
    optim.radam({ lr, betas, eps, weightDecay, ...schedule }),
  RMSprop: ({ lr, alpha, eps, momentum, centered, weight_decay: weightDecay }, schedule) =>
    optim.rmsProp({ lr, alpha, eps, momentum, centered, weightDecay, ...schedule }),
  Adagrad({ lr, lr_decay: lrDecay, initial_accumulator_value, eps, weight_decay: weightDecay }, schedule) {
    const initialAccumulatorValue = initial_accumulator_value;
    return optim.adagrad({ lr, lrDecay, initialAccumulatorValue, eps, weightDecay, ...schedule });
  },
  Adadelta: ({ lr, rho, eps, weight_decay: weightDecay }, schedule) =>
    optim.adadelta({ lr, rho, eps, weightDecay, ...schedule }),
};

/** Schedules by PyTorch's names. */
const schedules: Readonly<Record<string, (options: NonNullable<Trajectory["scheduler"]>) => optim.Schedule>> = {
  StepLR: ({ step_size: stepSize, gamma }) => optim.stepLR({ stepSize, gamma }),
  ExponentialLR: ({ gamma }) => optim.exponentialLR({ gamma }),
  CosineAnnealingLR: ({ T_max: tMax, eta_min: etaMin }) => optim.cosineAnnealingLR({ tMax, etaMin }),
  LinearLR: ({ start_factor: startFactor, end_factor: endFactor, total_iters: totalIters }) =>
    optim.linearLR({ startFactor, endFactor, totalIters }),
  LinearWarmupLinearDecay: ({ warmup_steps: warmupSteps, total_steps: totalSteps }) =>
    optim.linearWarmupLinearDecay({ warmupSteps, totalSteps }),
  OneCycleLR: ({ max_lr: maxLr, total_steps: totalSteps, pct_start: pctStart, ...rest }) =>
    optim.oneCycleLR({
      maxLr,
      totalSteps,
      pctStart,
      annealStrategy: rest["anneal_strategy"],
      divFactor: rest["div_factor"],
      finalDivFactor: rest["final_div_factor"],
    }),
};

const clips: Readonly<Record<string, (options: NonNullable<Trajectory["clip"]>) => optim.Clip>> = {
  norm: ({ max_norm }) => optim.clipGradNorm(max_norm),
  value: ({ clip_value }) => optim.clipGradValue(clip_value),
};

type Described = Pick<Trajectory, "architecture" | "config" | "loss" | "init" | "data">;

/** Why a model cannot be built yet, if so. */
export const modelSkipped = ({ architecture }: Pick<Described, "architecture">): string | undefined =>
  architectures[architecture] ? undefined : `${architecture} is not built yet`;

/** Why a training run is skipped, if it is. */
export const runSkipped = (run: Trajectory): string | undefined => modelSkipped(run);

/** Something that runs programs: an engine, or the float64 twin. */
export interface Executor {
  program(description: { outputs: Readonly<Record<string, Tensor>>; updates?: readonly Update[] }): Promise<{
    run(feeds: Readonly<Record<string, TensorData>>): Promise<Readonly<Record<string, ArrayLike<number>>>>;
  }>;
  write(variable: Variable, data: TensorData): void;
  read(variable: Variable): Promise<ArrayLike<number>>;
}

/** A model with its initial weights, and its batches. */
async function prepare({ architecture, config, loss: lossName, init, data }: Described, executor: Executor) {
  const [weights, tensors] = await Promise.all([readTensors(init), readTensors(data)]);
  const model = architectures[architecture]!(config);
  const [xs, ys] = [tensors.get("x")!, tensors.get("y")!];
  const dtypeOf = ({ data }: GoldenTensor) => (data instanceof Float32Array ? "f32" : "i32");
  const x = input("x", xs.shape.slice(1), dtypeOf(xs));
  const y = input("y", ys.shape.slice(1), dtypeOf(ys));
  const output = model(x, { training: true });
  const batch = ({ shape, data }: GoldenTensor, b: number) =>
    data.slice((b * data.length) / shape[0]!, ((b + 1) * data.length) / shape[0]!);
  return {
    variables: nn.stateDict(model),
    output,
    evaluated: model(x),
    loss: lossesByName[lossName]!(output, y),
    expected: tensors,
    x: (b: number) => batch(xs, b),
    y: (b: number) => batch(ys, b),
    load() {
      for (const [name, variable] of nn.stateDict(model)) executor.write(variable, weights.get(name)!.data);
    },
  };
}

/** A model in evaluation, at its initial weights, and its first batch. */
export async function evaluation(model: GoldenModel) {
  const weights = new Map<Variable, TensorData>();
  const write = (variable: Variable, data: TensorData) => weights.set(variable, data);
  const { variables, evaluated, load, x } = await prepare(model, { write } as unknown as Executor);
  load();
  return { variables, weights, evaluated, x: x(0) };
}

const named = (name: string, miss: string | undefined): string[] => (miss ? [`${name}${miss}`] : []);

/** Output, loss and gradients of the first batch at the initial weights: one line per wrong result. */
export async function modelFaults(model: GoldenModel, executor: Executor): Promise<string[]> {
  const { variables, output, loss, load, expected, x, y } = await prepare(model, executor);
  const parameters = [...variables].filter(([, { group }]) => group === "parameters");
  const names = parameters.map(([name]) => name);
  const gradients = grad(
    loss,
    parameters.map(([, parameter]) => parameter),
  );
  const outputs = {
    output0: output,
    loss,
    ...Object.fromEntries(names.map((name, i) => [`grads0/${name}`, gradients[i]!])),
  };
  const program = await executor.program({ outputs });
  load();
  const got = await program.run({ x: x(0), y: y(0) });
  return [
    ...named("loss0", firstMiss(got["loss"]!, [model.loss0], model.rtol, model.atol)),
    ...["output0", ...names.map((name) => `grads0/${name}`)].flatMap((name) =>
      named(name, firstMiss(got[name]!, expected.get(name)!.data, model.rtol, model.atol)),
    ),
  ];
}

/** A whole training run: losses at every step, weights after the first and the last, and the model's final outputs. */
export async function runFaults(run: Trajectory, executor: Executor): Promise<string[]> {
  const { variables, evaluated, loss, load, x, y } = await prepare(run, executor);
  const expected = await readTensors(run.expected);
  const { scheduler, clip } = run;
  const schedule = scheduler ? { schedule: schedules[scheduler.name]!(scheduler) } : {};
  const optimizer = optimizers[run.optimizer.name]!(run.optimizer, schedule);
  const updates = optimizer.minimize(loss, clip ? { clip: clips[clip.type]!(clip) } : {});
  const { rate, norm } = updates;
  const train = await executor.program({ outputs: { loss, rate, ...(norm && { norm }) }, updates });
  const test = await executor.program({ outputs: { output: evaluated } });
  load();
  const faults: string[] = [];
  const compare = async (when: string, rtol: number, atol: number) => {
    for (const [name, variable] of variables) {
      const want = expected.get(`${when}/${name}`)!;
      faults.push(...named(`${when}/${name}`, firstMiss(await executor.read(variable), want.data, rtol, atol)));
    }
  };
  for (let t = 0; t < run.steps; t++) {
    const b = t % run.batches;
    const got = await train.run({ x: x(b), y: y(b) });
    faults.push(...named(`loss ${t}`, firstMiss(got["loss"]!, [run.losses[t]!], run.loss_rtol, run.loss_atol)));
    faults.push(...named(`lr ${t}`, firstMiss(got["rate"]!, [run.lr[t]!], 1e-6, 1e-8)));
    const norms = run.grad_norms && [run.grad_norms[t]!];
    if (norms) faults.push(...named(`norm ${t}`, firstMiss(got["norm"]!, norms, run.loss_rtol, run.loss_atol)));
    if (t === 0) await compare("step1", run.step1_rtol, run.step1_atol);
  }
  await compare("final", run.rtol, run.atol);
  const { output } = await test.run({ x: x(0) });
  return [
    ...faults,
    ...named("eval_output", firstMiss(output!, expected.get("eval_output")!.data, run.rtol, run.atol)),
  ];
}

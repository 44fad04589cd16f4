import type { Tensor, Variable } from "../graph/tensor.ts";
import { input } from "../ops/sources/constants.ts";
import type { Clip } from "../optim/clip.ts";
import { GroupedOptimizer } from "../optim/groups.ts";
import type { Optimizer, Settings } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedule.ts";
import { call, indented, literal } from "./python.ts";
import { written } from "./write.ts";

/** An optimizer in PyTorch: its class, and its names of options. */
interface OptimizerRow {
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
  /** Whether PyTorch counts its steps; default true. */
  readonly counts?: boolean;
}

const decay = { weightDecay: "weight_decay" };
const adam = { betas: "betas", eps: "eps", ...decay };

/** How each optimizer is written in PyTorch. What has no row here is refused by name. */
const rows: Readonly<Record<string, OptimizerRow>> = {
  sgd: {
    name: "SGD",
    options: { momentum: "momentum", dampening: "dampening", nesterov: "nesterov", ...decay },
    counts: false,
  },
  adam: { name: "Adam", options: { ...adam, amsgrad: "amsgrad" } },
  adamW: { name: "AdamW", options: { ...adam, amsgrad: "amsgrad" } },
  adamax: { name: "Adamax", options: adam },
  nadam: { name: "NAdam", options: { ...adam, momentumDecay: "momentum_decay" } },
  radam: { name: "RAdam", options: adam },
  rmsProp: {
    name: "RMSprop",
    options: { alpha: "alpha", eps: "eps", momentum: "momentum", centered: "centered", ...decay },
  },
  adagrad: {
    name: "Adagrad",
    options: {
      lrDecay: "lr_decay",
      initialAccumulatorValue: "initial_accumulator_value",
      eps: "eps",
      ...decay,
    },
  },
  adadelta: { name: "Adadelta", options: { rho: "rho", eps: "eps", ...decay } },
};

export type AnyOptimizer = Optimizer | GroupedOptimizer;

/** Text of `optimizer.py`. @param trained the parameters that the loss trains, by name. @param rates of all groups. */
export function optimizerText(
  optimizer: AnyOptimizer,
  trained: ReadonlyMap<string, Variable>,
  rates: readonly number[],
  clip: readonly Clip[],
  problems: Set<string>,
): string {
  const isGrouped = optimizer instanceof GroupedOptimizer;
  const others = isGrouped ? optimizer.others : optimizer;
  const row = rows[others.name];
  if (!row) problems.add(`optimizer ${others.name}`);
  const { name, options, counts = true } = row ?? { name: others.name, options: {} };
  const optionsOf = (settings: Settings, rate: number, common?: Settings): [string, unknown][] => [
    ["lr", rate],
    ...Object.entries(options).flatMap(([own, theirs]): [string, unknown][] =>
      common && literal(common[own]) === literal(settings[own]) ? [] : [[theirs, settings[own]]],
    ),
  ];
  const named = (wanted: Optimizer): string[] =>
    [...trained].flatMap(([key, variable]) =>
      !isGrouped || optimizer.optimizerOf(variable) === wanted ? [JSON.stringify(key)] : [],
    );
  const group = (each: Optimizer, rate: number): string => {
    if (each.schedule !== undefined && each.schedule !== others.schedule)
      problems.add("a schedule of a group of parameters");
    const pairs = optionsOf(each.settings, rate, others.settings).map(([key, value]) => `"${key}": ${literal(value)}`);
    return `{"params": [named[name] for name in (${named(each).join(", ")},)], ${pairs.join(", ")}},`;
  };
  // Groups that hold none of the trained parameters would be empty.
  const all = isGrouped ? [others, ...optimizer.groups].map((each, i) => ({ each, rate: rates[i]!, i })) : [];
  const present = all.filter(({ each }) => named(each).length > 0);
  const parameters = isGrouped
    ? `named = dict(model.named_parameters())\ngroups = [\n${present.map(({ each, rate }) => indented(group(each, rate))).join("\n")}\n]`
    : 'groups = [{"params": [p for p in model.parameters() if p.requires_grad]}]';
  const made = call(
    `torch.optim.${name}`,
    [{ toString: () => "groups" }],
    optionsOf(others.settings, rates[0]!).map(([key, value]) => [key, value, NaN]),
  );
  const prefixes = isGrouped
    ? present.map(({ i }) => (i === 0 ? "optimizer." : `optimizer.groups.${i - 1}.`))
    : ["optimizer."];
  return `"""The optimizer: its rule and options, and its state in the checkpoint."""

import torch

# Values kept for each element of a parameter${others.kept.length > 0 ? ", and single numbers" : ""}.
MOMENTS = ${literal(others.moments)}
${others.kept.length > 0 ? `KEPT = ${literal(others.kept)}\n` : ""}# What the names of each group's rate and step count begin with in the checkpoint.
PREFIXES = ${literal(prefixes)}


def make_optimizer(model):
${indented(parameters)}
    return ${made}


${rateText(others.schedule, problems)}


def limit_gradients(model):
${indented(clipText(clip))}


def load_state(optimizer, model, tensors):
    """Takes rates, step counts and moments from the checkpoint. Returns the number of steps taken."""
    names = {p: name for name, p in model.named_parameters()}
    steps = 0.0
    for group, prefix in zip(optimizer.param_groups, PREFIXES):
        group["lr"] = group["initial_lr"] = tensors[prefix + "lr"].item()
        step = tensors[prefix + "step"].float() if prefix + "step" in tensors else None
        steps = steps if step is None else max(steps, step.item())
        if step is not None and step.item() == 0:
            continue  # nothing has been trained: the state is that of a new optimizer
        for p in group["params"]:
            moments = {key: tensors.get(f"optimizer.{names[p]}.{key}") for key in MOMENTS}
            if any(moment is None for moment in moments.values()):
                continue
            state = {key: like(moment, p) for key, moment in moments.items()}
${others.kept.length > 0 ? "            state.update({key: tensors[prefix + key].clone() for key in KEPT})\n" : ""}${counts ? '            state["step"] = torch.tensor(0.0) if step is None else step.clone()\n' : ""}            optimizer.state[p] = state
    return int(steps)


def saved_state(optimizer, model, steps):
    """The same for a new checkpoint."""
    names = {p: name for name, p in model.named_parameters()}
    tensors = {}
    for group, prefix in zip(optimizer.param_groups, PREFIXES):
        tensors[prefix + "lr"] = torch.tensor(group["initial_lr"])
${others.step ? '        tensors[prefix + "step"] = torch.tensor(steps, dtype=torch.int32)\n' : ""}        for p in group["params"]:
            for key in MOMENTS:
                if key in optimizer.state.get(p, {}):
                    tensors[f"optimizer.{names[p]}.{key}"] = whole(optimizer.state[p][key])
${
  others.kept.length > 0
    ? `            for key in KEPT:
                if key in optimizer.state.get(p, {}):
                    tensors[prefix + key] = optimizer.state[p][key].detach().cpu().reshape(())\n`
    : ""
}    return tensors


def like(tensor, p):
    """A tensor where a parameter is: on its device, and divided as it is."""
    tensor = tensor.to(p.device)
    if not hasattr(p, "placements"):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, p.device_mesh, p.placements)


def whole(tensor):
    """A tensor with all of its parts, on the CPU."""
    tensor = tensor.detach()
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).cpu()
`;
}

/** The learning rate of a step, by the graph of the schedule. */
function rateText(schedule: Schedule | undefined, problems: Set<string>): string {
  if (!schedule)
    return `def learning_rate(step, lr):\n    """The rate of a step, from 0; it stays as it is."""\n    return lr`;
  const inputs = new Map<string, Tensor>([
    ["step", input("step", [], "i32")],
    ["lr", input("lr", [])],
  ]);
  const rate = schedule.rate(inputs.get("step") as Tensor<"i32">, inputs.get("lr") as Tensor<"f32">);
  const { lines, results } = written([rate], {
    inputs,
    nameOf: () => undefined,
    callOf: () => undefined,
    problem: (text) => problems.add(`schedule: ${text}`),
  });
  const body = ["step, lr = torch.tensor(step), torch.tensor(lr)", ...lines, `return (${results[0]}).item()`];
  return `def learning_rate(step, lr):\n    """The rate of a step, from 0, by the schedule."""\n${indented(body.join("\n"))}`;
}

function clipText(clips: readonly Clip[]): string {
  const lines = [
    ...clips.flatMap(({ maxNorm }) =>
      maxNorm === undefined ? [] : [`torch.nn.utils.clip_grad_norm_(model.parameters(), ${literal(maxNorm)})`],
    ),
    ...clips.flatMap(({ clipValue }) =>
      clipValue === undefined ? [] : [`torch.nn.utils.clip_grad_value_(model.parameters(), ${literal(clipValue)})`],
    ),
  ];
  const said = lines.length > 0 ? "Bounds the gradients before a step." : "Nothing bounds the gradients before a step.";
  return [`"""${said}"""`, ...lines].join("\n");
}

import { FormatError } from "../../errors.ts";
import { type Shape, sameShape } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { add, cast, mul, type Random, where, zerosLike } from "../../ops/index.ts";
import type { ElementType } from "../elements.ts";
import { type Built, NeededError, type OpNode, type OpRow } from "../node.ts";
import type { Value } from "../value.ts";

/** One branch if the condition is known, else both, of which each result is selected. */
function branch(node: OpNode): Built {
  const condition = node.value(0);
  if (condition.host) return node.scope.run(node.graph(condition.host[0] ? "then_branch" : "else_branch"));
  const [yes, no] = [node.scope.run(node.graph("then_branch")), node.scope.run(node.graph("else_branch"))];
  return yes.map((a, i) => selected(node, condition, a, no[i]!));
}

function selected(node: OpNode, condition: Value, a: Value, b: Value): Value {
  if (a.items && a.items.length === b.items?.length)
    return node.sequence(a.items.map((item, i) => selected(node, condition, item, b.items![i]!)));
  if (sameShape(a.shape, b.shape) && !a.items && !b.items)
    return node.typed(a.type, where(condition.tensor, a.tensor, b.tensor));
  throw new NeededError(condition.name, 0);
}

function dropout(node: OpNode): Built {
  const x = node.value(0);
  const isTraining = node.opset >= 12 && (node.numbers(2)?.[0] ?? 0) !== 0;
  const ratio = node.opset >= 12 ? (node.numbers(1)?.[0] ?? 0.5) : 0;
  if (!isTraining || ratio === 0) return node.outputs[1] ? [x, node.filled("bool", x.shape, 1)] : x;
  const kept = node.scope.random.bernoulli(x.shape, 1 - ratio);
  const y = ratio === 1 ? zerosLike(x.tensor) : where(kept, mul(x.tensor, 1 / (1 - ratio)), 0);
  return [y, node.typed("bool", kept)];
}

const like = (node: OpNode): readonly [shape: Shape, type: ElementType] => [node.value(0).shape, node.value(0).type];

/** Random numbers of a shape in an attribute, or of that of the input. */
const drawn = (op: string, draw: (random: Random, shape: Shape, node: OpNode) => Tensor): OpRow => ({
  op,
  since: [1, 22],
  build(node) {
    const shape = op.endsWith("Like") ? like(node)[0] : node.ints("shape")!;
    return node.typed("float32", draw(node.scope.random, shape, node));
  },
});

const uniform = (random: Random, shape: Shape, node: OpNode): Tensor => {
  const low = node.float("low", 0);
  return add(mul(random.uniform(shape), node.float("high", 1) - low), low);
};

const normal = (random: Random, shape: Shape, node: OpNode): Tensor =>
  add(mul(random.normal(shape), node.float("scale", 1)), node.float("mean", 0));

function sequenceAt(node: OpNode): Built {
  const items = node.items(0);
  const item = items.at(node.known(1)[0]!);
  if (item) return item;
  throw new FormatError(`the sequence has ${items.length} tensors, so none at ${node.known(1)[0]}`);
}

export const flow: readonly OpRow[] = [
  { op: "Identity", since: [1, 13, 14, 16, 19, 21, 23, 24, 25], build: (node) => node.value(0) },
  {
    op: "If",
    since: [1, 11, 13, 16, 19, 21, 23, 24, 25],
    limits: "if the condition is computed, both branches run, and their results need one shape",
    build: branch,
  },
  { op: "Dropout", since: [1, 6, 7, 10, 12, 13, 22], limits: "ratio and mode must be known", build: dropout },
  drawn("RandomUniform", uniform),
  drawn("RandomUniformLike", uniform),
  drawn("RandomNormal", normal),
  drawn("RandomNormalLike", normal),
  {
    op: "Bernoulli",
    since: [15, 22],
    build: (node) =>
      node.typed(
        like(node)[1],
        cast(node.scope.random.bernoulli(like(node)[0], node.tensor(0) as Tensor<"f32">), node.dtype(like(node)[1])),
      ),
  },
  {
    op: "SequenceConstruct",
    since: [11],
    build: (node) => node.sequence(node.inputs.map((_, i) => node.value(i))),
  },
  { op: "SequenceAt", since: [11], limits: "the position must be known", build: sequenceAt },
  { op: "SequenceLength", since: [11], build: (node) => node.host("int64", [], [node.items(0).length]) },
];

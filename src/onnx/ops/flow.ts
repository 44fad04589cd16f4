import { FormatError } from "../../errors.ts";
import { sameShape } from "../../graph/shape.ts";
import { ne, onesLike, where } from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";

/** One branch if the condition is known, else both, of which each result is selected. */
function branch(node: OpNode): Built {
  const condition = node.value(0);
  if (condition.host) return node.scope.run(node.graph(condition.host[0] ? "then_branch" : "else_branch"));
  const [yes, no] = [node.scope.run(node.graph("then_branch")), node.scope.run(node.graph("else_branch"))];
  return yes.map((a, i) => {
    const b = no[i]!;
    if (!sameShape(a.shape, b.shape)) {
      throw new FormatError(
        `the branches differ in shape, and the condition "${condition.name}" is not known: pass it in \`constants\` if it is an input`,
      );
    }
    return node.typed(a.type, where(condition.tensor, a.tensor, b.tensor));
  });
}

/** Without its random part, which exists only in training. */
function dropout(node: OpNode): Built {
  const x = node.value(0);
  const isTraining = node.opset >= 12 && (node.numbers(2)?.[0] ?? 0) !== 0;
  const ratio = node.opset >= 12 ? (node.numbers(1)?.[0] ?? 0.5) : 0;
  if (isTraining && ratio !== 0) throw new FormatError("training mode is not supported: set training_mode to false");
  const kept = node.outputs[1] ? onesLike(x.tensor) : undefined;
  return kept ? [x, node.typed("bool", ne(kept, 0))] : x;
}

export const flow: readonly OpRow[] = [
  { op: "Identity", since: [1, 13, 14, 16, 19, 21, 23, 24, 25], build: (node) => node.value(0) },
  {
    op: "If",
    since: [1, 11, 13, 16, 19, 21, 23, 24, 25],
    limits: "if the condition is computed, both branches run, and their results need one shape",
    build: branch,
  },
  { op: "Dropout", since: [1, 6, 7, 10, 12, 13, 22], limits: "evaluation only", build: dropout },
];

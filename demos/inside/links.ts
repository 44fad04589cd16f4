import type { RecordedGraph, RecordedNode, Stage } from "../../src/recording/index.ts";

export const stages: readonly Stage[] = ["built", "simplified", "fused", "lowered"];

/** What a node is there for. */
export type Role = "leaf" | "forward" | "gradient" | "update";

/** How the nodes of a stage belong together, and with those of other stages. */
export interface Links {
  readonly nodes: readonly RecordedNode[];
  /** For each node, the nodes as built that it comes from. */
  readonly built: readonly (readonly number[])[];
  readonly roles: readonly Role[];
  /** Nodes of the same stage: what it is the gradient of, and its gradients. */
  readonly forwards: readonly (readonly number[])[];
  readonly gradients: readonly (readonly number[])[];
  /** Nodes of the next stage that were made from it. */
  readonly becomes: readonly (readonly number[])[];
}

export function linksOf(graph: RecordedGraph): Readonly<Record<Stage, Links>> {
  let before: readonly (readonly number[])[] = [];
  const updates = updatesIn(graph);
  const all = stages.map((stage, s): Links => {
    const nodes = graph[stage];
    const built = nodes.map(({ from }, i) =>
      s === 0 ? [i] : [...new Set(from.flatMap((at) => before[at]!))].sort((a, b) => a - b),
    );
    before = built;
    const owners = inverse(built, graph.built.length);
    const forwards = nodes.map((_, i) => {
      const of = built[i]!.flatMap((at) => graph.built[at]!.gradientOf ?? []);
      return [...new Set(of.flatMap((at) => owners[at]!))].filter((at) => at !== i && nodes[at]!.inputs.length > 0);
    });
    const next = stages[s + 1];
    return {
      nodes,
      built,
      forwards,
      gradients: inverse(forwards, nodes.length),
      becomes: next
        ? inverse(
            graph[next].map(({ from }) => from),
            nodes.length,
          )
        : nodes.map(() => []),
      roles: nodes.map(({ inputs }, i) =>
        roleOf(graph, built[i]!, inputs.length === 0 && stage !== "lowered", updates),
      ),
    };
  });
  return Object.fromEntries(stages.map((stage, i) => [stage, all[i]!])) as Record<Stage, Links>;
}

function inverse(lists: readonly (readonly number[])[], length: number): number[][] {
  const found = Array.from({ length }, (): number[] => []);
  lists.forEach((list, i) => {
    for (const at of list) found[at]!.push(i);
  });
  return found;
}

function roleOf(graph: RecordedGraph, built: readonly number[], isLeaf: boolean, updates: ReadonlySet<number>): Role {
  if (isLeaf) return "leaf";
  const computed = built.filter((at) => graph.built[at]!.inputs.length > 0);
  if (computed.some((at) => graph.built[at]!.gradientOf !== undefined)) return "gradient";
  return computed.length > 0 && computed.every((at) => updates.has(at)) ? "update" : "forward";
}

/** Nodes as built that only serve new values of variables, and are no gradients. */
function updatesIn({ built, roots }: RecordedGraph): Set<number> {
  const reach = (from: readonly number[]): Set<number> => {
    const seen = new Set<number>();
    const stack = [...from];
    while (stack.length > 0) {
      const at = stack.pop()!;
      if (seen.has(at)) continue;
      seen.add(at);
      for (const { node } of built[at]!.inputs) stack.push(node);
    }
    return seen;
  };
  const isUpdate = (name: string): boolean => name.endsWith("'");
  const outputs = reach(roots.built.filter(({ name }) => !isUpdate(name)).map(({ node }) => node));
  const gradients = reach([...built.keys()].filter((at) => built[at]!.gradientOf !== undefined));
  const updated = reach(roots.built.filter(({ name }) => isUpdate(name)).map(({ node }) => node));
  return new Set([...updated].filter((at) => !outputs.has(at) && !gradients.has(at)));
}

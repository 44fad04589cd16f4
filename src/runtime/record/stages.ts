import type { Graphs } from "../../compile/compile.ts";
import { order } from "../../graph/print.ts";
import { show } from "../../graph/program.ts";
import { rowMajor } from "../../graph/shape.ts";
import { type Attrs, type Node, type PointwiseProgram, type Tensor, Variable } from "../../graph/tensor.ts";
import type { Trace } from "../../graph/trace.ts";
import type { RecordedGraph, RecordedNode, RecordedResult } from "../../recording/format.ts";
import type { Recorded } from "../recorded.ts";
import { type Moments, partsOf } from "./tensors.ts";

type Results = (tensor: Tensor) => RecordedResult;

/** The graph after each pass, as data. */
export function stagesOf(compiled: Recorded, graphs: Graphs, moments: Moments): RecordedGraph {
  const nodesOf = (roots: Graphs["built"]): Node[] => order(roots.map(([, tensor]) => tensor));
  const [built, simplified, fused] = [nodesOf(graphs.built), nodesOf(graphs.simplified), nodesOf(graphs.fused)];
  const { traces } = graphs;
  const atEnd: Results = (tensor) => moments.resultOf(tensor);
  const later = (trace: Trace, results: Results): Results => {
    const became = new Map(trace.flatMap(({ results, made }) => results.map((result, i) => [result, made[i]!])));
    return (tensor) => {
      let now = tensor;
      for (let next = became.get(now); next && next !== now; next = became.get(now)) now = next;
      return { ...results(now), shape: tensor.shape, dtype: tensor.dtype };
    };
  };
  const inFused = atEnd;
  const inSimplified = later(traces.fused, inFused);
  const inBuilt = later(traces.simplified, inSimplified);
  return {
    built: stageOf(built, first, inBuilt),
    simplified: stageOf(simplified, origins(built, simplified, traces.simplified), inSimplified),
    fused: stageOf(fused, origins(simplified, fused, traces.fused), inFused),
    lowered: lowered(compiled, fused, moments),
    roots: {
      built: rootsOf(graphs.built, built),
      simplified: rootsOf(graphs.simplified, simplified),
      fused: rootsOf(graphs.fused, fused),
    },
  };
}

function rootsOf(roots: Graphs["built"], nodes: readonly Node[]) {
  const places = placesOf(nodes);
  return roots.map(([name, { node, index }]) => ({ name, node: places.get(node)!, result: index }));
}

/** In the first stage, nodes come from none. */
const first = (): readonly number[] => [];

const placesOf = (nodes: readonly Node[]) => new Map(nodes.map((node, i) => [node, i]));

/** For each node, the places of the nodes before a pass that it was made from. */
function origins(before: readonly Node[], after: readonly Node[], trace: Trace): (node: Node) => readonly number[] {
  const places = placesOf(before);
  const makers = new Map<Node, Set<Node>>();
  for (const { nodes, made } of trace) {
    for (const { node } of made) {
      const known = makers.get(node) ?? new Set();
      for (const maker of nodes) if (maker !== node) known.add(maker);
      makers.set(node, known);
    }
  }
  const found = new Map<Node, Set<number>>();
  const find = (node: Node, seen: Set<Node>): Set<number> => {
    const known = found.get(node);
    if (known) return known;
    const all = new Set<number>();
    const place = places.get(node);
    if (place !== undefined) all.add(place);
    for (const maker of makers.get(node) ?? []) {
      if (seen.has(maker)) continue;
      for (const each of find(maker, seen.add(maker))) all.add(each);
    }
    found.set(node, all);
    return all;
  };
  for (const node of after) find(node, new Set([node]));
  // What was made on the way to a result comes from what the result comes from.
  for (const node of after.toReversed()) {
    const own = found.get(node)!;
    for (const { node: input } of node.inputs) {
      const from = found.get(input)!;
      if (from.size === 0) for (const each of own) from.add(each);
    }
  }
  return (node) => [...found.get(node)!].sort((a, b) => a - b);
}

function stageOf(nodes: readonly Node[], from: (node: Node) => readonly number[], results: Results): RecordedNode[] {
  const places = placesOf(nodes);
  return nodes.map((node) => {
    const { op, attrs, fusion, layer, gradientOf } = node;
    const [y] = node.results;
    const name = y instanceof Variable ? y.name : op.source === "input" ? (attrs["name"] as string) : undefined;
    const program: PointwiseProgram | undefined = fusion?.after ?? attrs["program"];
    // Later stages have nodes of the first one among theirs, but not all.
    const forward = from === first && gradientOf ? places.get(gradientOf) : undefined;
    return {
      op: op.name,
      ...(name !== undefined && { name }),
      layer,
      attrs: plain(attrs),
      ...(fusion?.before && { before: show(fusion.before) }),
      ...(program && { after: show(program) }),
      inputs: node.inputs.map(({ node: input, index }) => ({ node: places.get(input)!, result: index })),
      results: node.results.map(results),
      from: from(node),
      ...(op.pointwise && { pointwise: true as const }),
      ...walkOf(node),
      ...(forward !== undefined && { gradientOf: forward }),
    };
  });
}

/** How a view walks its input, which counts as row-major. */
function walkOf(node: Node): Pick<RecordedNode, "walk"> {
  const [x] = node.inputs;
  const view = node.op.view?.(node, { shape: x!.shape, strides: rowMajor(x!.shape), offset: 0 });
  return view ? { walk: { strides: view.strides, offset: view.offset } } : {};
}

/** The most elements of an array that is kept in attributes. */
const most = 64;

/** Attributes as JSON. Programs are shown as text elsewhere; long arrays by their length. */
function plain(attrs: Attrs): Record<string, unknown> {
  const entries = Object.entries(attrs).filter(
    ([key, value]) => !["spec", "program"].includes(key) && value !== undefined,
  );
  const short = (value: unknown): unknown => {
    if (ArrayBuffer.isView(value)) return `${(value as Float32Array).length} numbers`;
    if (Array.isArray(value) && value.length > most) return `${value.length} elements`;
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    return typeof value === "object" && value !== null && value.constructor !== Object && !Array.isArray(value)
      ? value.constructor.name
      : value;
  };
  return JSON.parse(JSON.stringify(Object.fromEntries(entries), (_, value) => short(value)) ?? "{}");
}

/** The kernel calls as a graph: a kernel's inputs are the kernels that wrote what it reads. */
function lowered({ calls }: Recorded, fused: readonly Node[], moments: Moments): RecordedNode[] {
  const places = placesOf(fused);
  const writer = new Map<number, { readonly node: number; readonly result: number }>();
  const accesses = moments.accesses.flat();
  return partsOf(calls).map(({ part, dispatch }, k) => {
    const { node, family, variant, source = "", label, layer = "", workgroups } = part;
    const { reads, writes } = accesses[k]!;
    const inputs = reads.flatMap((read) => writer.get(read) ?? []);
    writes.forEach((write, result) => writer.set(write, { node: k, result }));
    const place = node && places.get(node);
    return {
      op: family,
      name: label,
      layer,
      attrs: { variant, source, workgroups: workgroups.join("×") },
      inputs,
      results: writes.map((tensor) => {
        const { shape, dtype } = moments.all[tensor]!;
        return { shape, dtype, tensor };
      }),
      from: place === undefined ? [] : [place],
      dispatch,
    };
  });
}

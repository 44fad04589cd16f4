import { useMemo } from "preact/hooks";
import { type RecordedNode, type Recording, valuesOf } from "../../src/recording/index.ts";
import { follow, keyOf } from "./follow.ts";
import { Heatmap } from "./heatmap.tsx";
import { placeOf, sizeOf } from "./places.ts";
import { shapeOf, value } from "./words.ts";

export interface PathProps {
  readonly recording: Recording;
  readonly tensor: number;
  readonly element: number;
}

/** Most elements that are listed with their values. */
const listed = 6;

/** What one element was computed from, back through the graph as built. */
export function Path({ recording, tensor, element }: PathProps) {
  const nodes = recording.graph!.built;
  const start = useMemo(() => startOf(nodes, tensor), [nodes, tensor]);
  const followed = useMemo(
    () => (start ? follow(nodes, start.node, start.result, element) : undefined),
    [nodes, start, element],
  );
  if (!start || !followed) {
    return (
      <p class="note">This tensor is no result of the graph as built: a kernel keeps it for itself, or it is a copy.</p>
    );
  }
  const steps = [...nodes.keys()]
    .filter((at) => at <= start.node && isShown(nodes[at]!))
    .reverse()
    .flatMap((at) =>
      nodes[at]!.results.flatMap((_, result) => (followed.lit.has(keyOf(at, result)) ? { at, result } : [])),
    );
  return (
    <div class="path">
      <p class="note">
        The lit elements made this number, step by step back through the graph as built. Pale ones did not count.
      </p>
      {followed.stopped.size > 0 && (
        <p class="note">
          The way back stops at {[...new Set(followed.stopped.values())].join(", ")}: what these read may count too, but
          is not lit.
        </p>
      )}
      <Sum recording={recording} start={start} element={element} />
      <ol>
        {steps.map(({ at, result }) => (
          <Step
            key={keyOf(at, result)}
            recording={recording}
            node={nodes[at]!}
            result={result}
            lit={followed.lit.get(keyOf(at, result))!}
          />
        ))}
      </ol>
    </div>
  );
}

/** Numbers and views are left out of the list: a view shows the elements of its input again. */
const isShown = ({ op, walk, inputs }: RecordedNode): boolean =>
  walk === undefined && (inputs.length > 0 || op === "input" || op === "variable");

function startOf(nodes: readonly RecordedNode[], tensor: number) {
  for (let node = nodes.length - 1; node >= 0; node--) {
    const result = nodes[node]!.results.findIndex((each) => each.tensor === tensor && !each.strides);
    if (result >= 0) return { node, result };
  }
  return undefined;
}

interface StepProps {
  readonly recording: Recording;
  readonly node: RecordedNode;
  readonly result: number;
  readonly lit: Uint8Array;
}

function Step({ recording: { tensors }, node, result, lit }: StepProps) {
  const { shape, tensor, strides } = node.results[result]!;
  const held = tensor === undefined || strides ? undefined : tensors[tensor]!;
  const values = useMemo(() => held && valuesOf(held), [held]);
  const count = lit.reduce((sum, one) => sum + one, 0);
  const some = [...lit.keys()].filter((i) => lit[i] === 1).slice(0, listed);
  return (
    <li>
      <p>
        <strong>{node.name ?? node.op}</strong> {shapeOf(shape)}
        {node.layer && `, layer ${node.layer}`}: {count} of {sizeOf(shape)} lit
        {!held && ", not in memory"}
      </p>
      {sizeOf(shape) > 1 && <Heatmap shape={shape} values={values} statistics={held?.statistics.at(-1)} lit={lit} />}
      {count <= listed && (
        <ul class="plain">
          {some.map((i) => (
            <li key={i}>
              {shapeOf(placeOf(i, shape))}
              {values && <> = {value(values[i]!)}</>}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

interface SumProps {
  readonly recording: Recording;
  readonly start: { readonly node: number; readonly result: number };
  readonly element: number;
}

/** The products that add up to an element of a matrix product, where both operands are in memory. */
function Sum({ recording: { graph, tensors }, start, element }: SumProps) {
  const nodes = graph!.built;
  const product = productBefore(nodes, start.node);
  if (product === undefined) return null;
  const { inputs, results } = nodes[product]!;
  const [row, column] = placeOf(element, results[0]!.shape) as [number, number];
  const operands = inputs.map(({ node, result }) => {
    const { shape, tensor, strides, offset = 0 } = nodes[node]!.results[result]!;
    const values = tensor === undefined ? undefined : valuesOf(tensors[tensor]!);
    const steps = strides ?? [shape[1]!, 1];
    return { shape, at: values && ((i: number, j: number) => values[offset + i * steps[0]! + j * steps[1]!]!) };
  });
  const [a, b] = operands;
  if (!a?.at || !b?.at) return null;
  const terms = Array.from({ length: a.shape[1]! }, (_, k) => ({ k, x: a.at!(row, k), y: b.at!(k, column) }));
  const total = terms.reduce((sum, { x, y }) => sum + x * y, 0);
  const largest = [...terms].sort((p, q) => Math.abs(q.x * q.y) - Math.abs(p.x * p.y)).slice(0, listed);
  return (
    <div class="sum">
      <p>
        Its product is a sum of {terms.length} terms: <strong>{value(total)}</strong>. The largest:
      </p>
      <ul class="plain">
        {largest.map(({ k, x, y }) => (
          <li key={k}>
            k = {k}: {value(x)} · {value(y)} = {value(x * y)}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The matrix product that a node is, or that it follows by pointwise ops alone; of two axes. */
function productBefore(nodes: readonly RecordedNode[], from: number): number | undefined {
  let at: number | undefined = from;
  while (at !== undefined) {
    const { op, pointwise, inputs, results }: RecordedNode = nodes[at]!;
    if (op === "matmul") return results[0]!.shape.length === 2 ? at : undefined;
    if (!pointwise) return undefined;
    at = inputs.map(({ node }) => node).find((node) => nodes[node]!.op === "matmul" || nodes[node]!.pointwise);
  }
  return undefined;
}

import type { Frame } from "./frame.ts";

/** Pixels from a unit to the next below, as in the style sheet. */
const pitch = 52;

/** The weight from a unit of a layer to one of the next. */
export interface Edge {
  /** The layer it leads from: 0 for the inputs. */
  readonly layer: number;
  readonly from: number;
  readonly to: number;
}

type Sizes = readonly number[];

/** Where an edge starts and ends, in percent of the width and in pixels. */
function endsOf({ layer, from, to }: Edge, sizes: Sizes) {
  const x = (at: number): number => (100 * (at + 0.5)) / sizes.length;
  const most = Math.max(...sizes);
  const y = (at: number, unit: number): number => pitch * (unit + (most - sizes[at]! + 1) / 2);
  return { x1: x(layer), y1: y(layer, from), x2: x(layer + 1), y2: y(layer + 1, to) };
}

/** All edges, in the order of the weights of a frame. */
const edgesOf = (sizes: Sizes): Edge[] =>
  sizes.slice(1).flatMap((units, layer) =>
    Array.from({ length: units * sizes[layer]! }, (_, i) => ({
      layer,
      from: i % sizes[layer]!,
      to: Math.floor(i / sizes[layer]!),
    })),
  );

/** The weight of an edge. */
export function weightOf({ layer, from, to }: Edge, { sizes, weights }: Frame): number {
  const before = sizes.slice(1, layer + 1).reduce((sum, units, i) => sum + units * sizes[i]!, 0);
  return weights[before + to * sizes[layer]! + from]!;
}

/** Pixels beside an edge that belong to it. */
const near = 7;

/** The edge at a place of the drawing, if any: x in percent of the width, y in pixels. */
export function edgeAt(x: number, y: number, sizes: Sizes): Edge | undefined {
  const away = (edge: Edge): number => {
    const { x1, y1, x2, y2 } = endsOf(edge, sizes);
    if (x <= x1 || x >= x2) return Number.POSITIVE_INFINITY;
    // The curve leaves and arrives horizontally: x(t) and y(t) are cubic, and x(t) grows.
    let [low, high] = [0, 1];
    for (let i = 0; i < 20; i++) {
      const t = (low + high) / 2;
      const along = (1.5 * t * (1 - t) + t ** 3) * (x2 - x1) + x1;
      if (along < x) low = t;
      else high = t;
    }
    return Math.abs(y1 + (y2 - y1) * (3 * low ** 2 - 2 * low ** 3) - y);
  };
  const found = edgesOf(sizes).map((edge) => [edge, away(edge)] as const);
  const [edge, distance] = found.reduce((best, next) => (next[1] < best[1] ? next : best));
  return distance <= near ? edge : undefined;
}

interface EdgesProps {
  readonly now: Frame;
  /** The edge that is pointed at. */
  readonly aimed: Edge | undefined;
}

/** A line for each weight, by sign and size. */
export function Edges({ now: { sizes, weights }, aimed }: EdgesProps) {
  const height = pitch * Math.max(...sizes);
  return (
    <svg class="edges" viewBox={`0 0 100 ${height}`} height={height} preserveAspectRatio="none" aria-hidden="true">
      {edgesOf(sizes).map((edge, i) => {
        const { layer, from, to } = edge;
        const weight = weights[i]!;
        const { x1, y1, x2, y2 } = endsOf(edge, sizes);
        const middle = (x1 + x2) / 2;
        const isAimed = aimed?.layer === layer && aimed.from === from && aimed.to === to;
        return (
          <path
            key={`${layer} ${from} ${to}`}
            class={`${weight > 0 ? "plus" : "minus"}${isAimed ? " aimed" : ""}`}
            d={`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
            stroke-width={Math.min(8, 0.75 + 2 * Math.abs(weight)).toFixed(2)}
            stroke-opacity={Math.min(0.95, 0.25 + 0.35 * Math.abs(weight)).toFixed(2)}
          />
        );
      })}
    </svg>
  );
}

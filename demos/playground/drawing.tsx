import { type Frame, side } from "./frame.ts";
import { change, frame, looked, settings, type Unit } from "./session.ts";
import { maxLayers, maxUnits } from "./settings.ts";
import { Surface } from "./surface.tsx";

/** Pixels from a unit to the next below, as in the style sheet. */
const pitch = 52;

/** The surface of a unit of a layer; those of the inputs never change. */
export function surfaceOf({ sizes, surfaces }: Frame, { layer, unit }: Unit): Float32Array {
  if (layer === 0) return inputs[unit]!;
  const before = sizes.slice(1, layer).reduce((sum, units) => sum + units, 0);
  return surfaces.subarray((before + unit) * side ** 2, (before + unit + 1) * side ** 2);
}

const inputs = [0, 1].map((axis) =>
  Float32Array.from({ length: side ** 2 }, (_, i) => {
    const along = axis === 0 ? i % side : side - 1 - Math.floor(i / side);
    return (2 * along) / (side - 1) - 1;
  }),
);

export function nameOf({ layer, unit }: Unit, layers: number): string {
  if (layer === 0) return `Input x${unit + 1}`;
  return layer > layers ? "Output" : `Unit ${unit + 1} of layer ${layer}`;
}

const setUnits = (layer: number, units: number): void =>
  change({ layers: settings.value.layers.map((before, i) => (i === layer ? units : before)) });

/** The network: layers from left to right, units as the surfaces of their values, weights as lines. */
export function Drawing() {
  const { layers } = settings.value;
  const now = frame.value;
  const sizes = [2, ...layers, 1];
  return (
    <section class="card network" aria-labelledby="network-title">
      <div class="network-head">
        <h2 id="network-title">Network</h2>
        <p class="stepper">
          <button
            type="button"
            class="round"
            aria-label="Remove a layer"
            disabled={layers.length === 0}
            onClick={() => change({ layers: layers.slice(0, -1) })}
          >
            −
          </button>
          <span id="layers">{plural(layers.length, "hidden layer")}</span>
          <button
            type="button"
            class="round"
            aria-label="Add a layer"
            disabled={layers.length === maxLayers}
            onClick={() => change({ layers: [...layers, 2] })}
          >
            +
          </button>
        </p>
      </div>
      <div class="layers">
        {now && now.sizes.length === sizes.length && <Edges now={now} />}
        {sizes.map((units, layer) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a layer is its place
          <div class="layer" key={layer}>
            <Head layer={layer} units={units} layers={layers.length} />
            <div class="units">
              {Array.from({ length: units }, (_, unit) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a unit is its place
                <UnitButton key={unit} at={{ layer, unit }} layers={layers.length} now={now} />
              ))}
            </div>
          </div>
        ))}
      </div>
      <p class="legend" aria-hidden="true">
        Lines are weights: <span class="plus">blue</span> is positive, <span class="minus">orange</span> negative, and
        thick is large. Point at a unit to see it large.
      </p>
    </section>
  );
}

function Head({ layer, units, layers }: { readonly layer: number; readonly units: number; readonly layers: number }) {
  if (layer === 0) return <p class="layer-head">Inputs</p>;
  if (layer > layers) return <p class="layer-head">Output</p>;
  return (
    <div class="layer-head">
      <button
        type="button"
        class="round"
        aria-label={`Remove a unit from layer ${layer}`}
        disabled={units === 1}
        onClick={() => setUnits(layer - 1, units - 1)}
      >
        −
      </button>
      <button
        type="button"
        class="round"
        aria-label={`Add a unit to layer ${layer}`}
        disabled={units === maxUnits}
        onClick={() => setUnits(layer - 1, units + 1)}
      >
        +
      </button>
    </div>
  );
}

interface UnitProps {
  readonly at: Unit;
  readonly layers: number;
  readonly now: Frame | undefined;
}

function UnitButton({ at, layers, now }: UnitProps) {
  const look = (): void => {
    looked.value = at.layer > layers ? undefined : at;
  };
  const leave = (): void => {
    looked.value = undefined;
  };
  const isThere = now && at.unit < (now.sizes[at.layer] ?? 0) && now.sizes.length === layers + 2;
  return (
    <button
      type="button"
      class="unit"
      aria-label={`${nameOf(at, layers)}: show it large`}
      onPointerEnter={look}
      onFocus={look}
      onClick={look}
      onPointerLeave={leave}
      onBlur={leave}
    >
      {isThere && <Surface values={surfaceOf(now, at)} />}
    </button>
  );
}

/** A line for each weight, by sign and size. */
function Edges({ now: { sizes, weights } }: { readonly now: Frame }) {
  const x = (layer: number): number => (100 * (layer + 0.5)) / sizes.length;
  const most = Math.max(...sizes);
  const y = (layer: number, unit: number): number => pitch * (unit + (most - sizes[layer]! + 1) / 2);
  let at = 0;
  const edges = sizes.slice(1).flatMap((units, layer) =>
    Array.from({ length: units * sizes[layer]! }, (_, i) => {
      const [to, from] = [Math.floor(i / sizes[layer]!), i % sizes[layer]!];
      const weight = weights[at++]!;
      const [x1, x2] = [x(layer), x(layer + 1)];
      const [y1, y2] = [y(layer, from), y(layer + 1, to)];
      const middle = (x1 + x2) / 2;
      return (
        <path
          // biome-ignore lint/suspicious/noArrayIndexKey: a weight is its place
          key={`${layer} ${from} ${to}`}
          class={weight > 0 ? "plus" : "minus"}
          d={`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
          stroke-width={Math.min(8, 0.75 + 2 * Math.abs(weight)).toFixed(2)}
          stroke-opacity={Math.min(0.95, 0.25 + 0.35 * Math.abs(weight)).toFixed(2)}
        />
      );
    }),
  );
  const height = pitch * most;
  return (
    <svg class="edges" viewBox={`0 0 100 ${height}`} height={height} preserveAspectRatio="none" aria-hidden="true">
      {edges}
    </svg>
  );
}

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

import { useSignal } from "@preact/signals";
import { type Edge, Edges, edgeAt, weightOf } from "./edges.tsx";
import { edited, openEdge, openUnit, unitId } from "./editing.ts";
import { type FeatureName, featureNames, features, featuresOf } from "./features.ts";
import { type Frame, grid, side } from "./frame.ts";
import { Loaded } from "./loaded.tsx";
import { nameOf } from "./names.ts";
import { change, chosen, frame, looked, networks, settings, type Unit } from "./session.ts";
import { maxLayers, maxUnits, type Network } from "./settings.ts";
import { shows } from "./shows.ts";
import { Surface } from "./surface.tsx";
import { sizesOf } from "./values.ts";

/** The surface of a unit of a layer; those of the inputs never change. */
export function surfaceOf({ sizes, surfaces }: Frame, { layer, unit }: Unit): Float32Array {
  if (layer === 0) return surfaceOfFeature(settings.value.features[unit]!);
  const before = sizes.slice(1, layer).reduce((sum, units) => sum + units, 0);
  return surfaces.subarray((before + unit) * side ** 2, (before + unit + 1) * side ** 2);
}

const surfacesOfFeatures = new Map<FeatureName, Float32Array>();

/** Scaled so that its largest value is 1. */
function surfaceOfFeature(name: FeatureName): Float32Array {
  const known = surfacesOfFeatures.get(name);
  if (known) return known;
  const values = featuresOf([name], grid());
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const surface = values.map((value) => value / most);
  surfacesOfFeatures.set(name, surface);
  return surface;
}

const setUnits = (layer: number, units: number): void =>
  change({ layers: settings.value.layers.map((before, i) => (i === layer ? units : before)) });

const unitEditor = () => import("./unit-editor.tsx");

/** The network: layers from left to right, units as the surfaces of their values, weights as lines. */
export function Drawing() {
  const { layers } = settings.value;
  const now = frame.value;
  const sizes = sizesOf(settings.value);
  const isThere = now?.sizes.join() === sizes.join();
  const choosing = useSignal(false);
  return (
    <section class="card network" aria-labelledby="network-title">
      <div class="network-head">
        <h2 id="network-title">Network</h2>
        {networks.value.length > 1 && <Which />}
        {shows("layers") && (
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
        )}
      </div>
      {areAlike(networks.value) && (
        <p class="hint" role="status">
          B is a copy of A. Now change B: its layers and units here, or the options below.
        </p>
      )}
      {choosing.value && <Inputs />}
      <Layers now={isThere ? now : undefined} sizes={sizes} onInputs={() => (choosing.value = !choosing.value)} />
      {isThere && edited.value && shows("weights") && <Loaded load={unitEditor} />}
    </section>
  );
}

const areAlike = ([first, second]: readonly Network[]): boolean =>
  second !== undefined && JSON.stringify(first) === JSON.stringify(second);

/** Which of two networks is shown and edited. */
function Which() {
  return (
    <fieldset class="choices">
      <legend class="visually-hidden">Network to show and edit</legend>
      {networks.value.map((_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a network is its place
        <label key={i}>
          <input
            type="radio"
            name="which"
            checked={i === chosen.value}
            onChange={() => {
              chosen.value = i;
            }}
          />
          {"AB"[i]}
        </label>
      ))}
    </fieldset>
  );
}

/** What the network is given of a point. */
function Inputs() {
  const chosenNames = settings.value.features;
  const toggle = (name: FeatureName): void =>
    change({ features: featureNames.filter((other) => chosenNames.includes(other) !== (other === name)) });
  return (
    <fieldset class="choices inputs">
      <legend class="visually-hidden">Inputs</legend>
      {featureNames.map((name) => (
        <label key={name}>
          <input
            type="checkbox"
            checked={chosenNames.includes(name)}
            disabled={chosenNames.length === 1 && chosenNames[0] === name}
            onChange={() => toggle(name)}
          />
          {features[name].label}
        </label>
      ))}
    </fieldset>
  );
}

interface LayersProps {
  readonly now: Frame | undefined;
  readonly sizes: readonly number[];
  readonly onInputs: () => void;
}

function Layers({ now, sizes, onInputs }: LayersProps) {
  const aimed = useSignal<Edge | undefined>(undefined);
  const isEditable = shows("weights");
  const find = ({ currentTarget, target, clientX, clientY }: PointerEvent | MouseEvent): Edge | undefined => {
    const svg = (currentTarget as HTMLElement).querySelector("svg");
    if (!svg || !isEditable || (target as HTMLElement).closest("button")) return undefined;
    const { left, top, width } = svg.getBoundingClientRect();
    return edgeAt((100 * (clientX - left)) / width, clientY - top, sizes);
  };
  const edge = aimed.value;
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: for pointers; units open the same numbers by keyboard */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above */}
      <div
        class={`layers${edge ? " aiming" : ""}`}
        onPointerMove={(event) => {
          aimed.value = find(event);
        }}
        onPointerLeave={() => {
          aimed.value = undefined;
        }}
        onClick={(event) => {
          const found = find(event);
          if (found) openEdge(found);
        }}
      >
        {now && <Edges now={now} aimed={edge} />}
        {sizes.map((units, layer) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a layer is its place
          <div class="layer" key={layer}>
            <Head layer={layer} units={units} layers={sizes.length - 2} onInputs={onInputs} />
            <div class="units">
              {Array.from({ length: units }, (_, unit) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a unit is its place
                <UnitButton key={unit} at={{ layer, unit }} now={now} />
              ))}
            </div>
            <Gradient norm={layer === 0 ? undefined : now?.norms[layer - 1]} />
          </div>
        ))}
      </div>
      <Legend now={now} edge={edge} />
    </>
  );
}

/** What lines mean, or the weight of the one pointed at. Both have one place, so that nothing moves when they change. */
function Legend({ now, edge }: { readonly now: Frame | undefined; readonly edge: Edge | undefined }) {
  const aimed = now && edge && edge.layer + 1 < now.sizes.length ? weightText(edge, now) : undefined;
  return (
    <div class="legend" aria-hidden="true">
      <p class={aimed && "unseen"}>
        Lines are weights: <span class="plus">blue</span> is positive, <span class="minus">orange</span> negative, and
        thick is large. Point at a unit to see it large
        {shows("weights") && ", click it or a line to change its numbers"}. Below each layer: the norm of its gradient.
      </p>
      {aimed && <p>{aimed}</p>}
    </div>
  );
}

function weightText(edge: Edge, now: Frame): string {
  const [from, to] = [
    { layer: edge.layer, unit: edge.from },
    { layer: edge.layer + 1, unit: edge.to },
  ].map((unit) => nameOf(unit, settings.value));
  return `${from} → ${to}: weight ${weightOf(edge, now).toFixed(3)}. Click to change it.`;
}

interface HeadProps {
  readonly layer: number;
  readonly units: number;
  readonly layers: number;
  readonly onInputs: () => void;
}

function Head({ layer, units, layers, onInputs }: HeadProps) {
  if (layer === 0 && shows("features"))
    return (
      <div class="layer-head">
        <button type="button" class="link" onClick={onInputs}>
          Inputs…
        </button>
      </div>
    );
  if (layer === 0) return <p class="layer-head">Inputs</p>;
  if (layer > layers) return <p class="layer-head">Output</p>;
  if (!shows("layers")) return <p class="layer-head">{`Layer ${layer}`}</p>;
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

/** Norms from 10⁻⁶, below which a layer stands still, to 1 fill the bar. */
const shareOf = (norm: number): number => Math.max(0, Math.min(1, 1 + Math.log10(norm) / 6));

/** Smaller norms have room for one digit after their zeros. */
const fewDigits = 0.001;

/** How strong the gradient still is in a layer. */
function Gradient({ norm }: { readonly norm: number | undefined }) {
  if (norm === undefined || !Number.isFinite(norm)) return <p class="gradient" />;
  const text = norm === 0 ? "0" : norm.toPrecision(norm < fewDigits ? 1 : 2);
  return (
    <p class="gradient" style={{ "--share": shareOf(norm).toFixed(3) }}>
      <span class="visually-hidden">Norm of the gradient: </span>
      <span class="norm">{text}</span>
    </p>
  );
}

interface UnitProps {
  readonly at: Unit;
  readonly now: Frame | undefined;
}

function UnitButton({ at, now }: UnitProps) {
  const isInput = at.layer === 0;
  const look = (): void => {
    looked.value = at.layer > settings.value.layers.length ? undefined : at;
  };
  const leave = (): void => {
    looked.value = undefined;
  };
  const opens = !isInput && shows("weights");
  return (
    <button
      type="button"
      class="unit"
      id={unitId(at)}
      aria-label={`${nameOf(at, settings.value)}: show it large${opens ? ", change its numbers" : ""}`}
      onPointerEnter={look}
      onFocus={look}
      onClick={() => {
        look();
        if (opens) openUnit(at);
      }}
      onPointerLeave={leave}
      onBlur={leave}
    >
      {now && <Surface values={surfaceOf(now, at)} />}
      {isInput && <span class="unit-name">{features[settings.value.features[at.unit]!].label}</span>}
    </button>
  );
}

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

import { signal } from "@preact/signals";
import { NumberField } from "../parts/controls.tsx";
import { type Edge, weightOf } from "./edges.tsx";
import { features } from "./features.ts";
import type { Frame } from "./frame.ts";
import { nameOf } from "./names.ts";
import { edit, settings, type Unit } from "./session.ts";

/** The unit whose numbers are edited, and the weight that was clicked: its input. */
const edited = signal<(Unit & { readonly from?: number }) | undefined>(undefined);

/** Opens the numbers of a unit. */
export function openUnit(at: Unit): void {
  edited.value = at;
}

/** Opens the numbers of the unit that an edge leads to. */
export function openEdge({ layer, from, to }: Edge): void {
  edited.value = { layer: layer + 1, unit: to, from };
}

function closeEditor(): void {
  const { layer, unit } = edited.value!;
  edited.value = undefined;
  document.getElementById(unitId({ layer, unit }))?.focus();
}

export const unitId = ({ layer, unit }: Unit): string => `unit-${layer}-${unit}`;

const biasOf = ({ layer, unit }: Unit, { sizes, biases }: Frame): number =>
  biases[sizes.slice(1, layer).reduce((sum, units) => sum + units, 0) + unit]!;

/** The bias and the weights of one unit, as numbers to change. */
export function UnitEditor({ now }: { readonly now: Frame }) {
  const at = edited.value;
  if (!at || at.layer >= now.sizes.length || at.unit >= now.sizes[at.layer]!) return null;
  const inputs = now.sizes[at.layer - 1]!;
  const layer = at.layer - 1;
  const from = (i: number): string =>
    layer === 0 ? features[settings.value.features[i]!].label : `unit ${i + 1} of layer ${layer}`;
  return (
    <section
      class="editor"
      aria-labelledby="editor-title"
      key={`${at.layer} ${at.unit} ${at.from}`}
      onKeyDown={({ key }) => key === "Escape" && closeEditor()}
    >
      <div class="network-head">
        <h3 id="editor-title">{nameOf(at, settings.value)}: its numbers</h3>
        <button type="button" class="button small" onClick={closeEditor}>
          Close
        </button>
      </div>
      <div class="numbers">
        <NumberField
          label="Bias"
          value={biasOf(at, now)}
          step={0.1}
          focused={at.from === undefined}
          onChange={(value) => edit({ layer, kind: "bias", index: at.unit }, value)}
        />
        {Array.from({ length: inputs }, (_, i) => (
          <NumberField
            // biome-ignore lint/suspicious/noArrayIndexKey: a weight is its place
            key={i}
            label={`Weight of ${from(i)}`}
            value={weightOf({ layer, from: i, to: at.unit }, now)}
            step={0.1}
            focused={at.from === i}
            onChange={(value) => edit({ layer, kind: "weight", index: at.unit * inputs + i }, value)}
          />
        ))}
      </div>
    </section>
  );
}

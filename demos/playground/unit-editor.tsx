import { NumberField } from "../parts/controls.tsx";
import { weightOf } from "./edges.tsx";
import { closeEditor, edited } from "./editing.ts";
import { features } from "./features.ts";
import type { Frame } from "./frame.ts";
import { nameOf } from "./names.ts";
import { edit, frame, settings, type Unit } from "./session.ts";

const biasOf = ({ layer, unit }: Unit, { sizes, biases }: Frame): number =>
  biases[sizes.slice(1, layer).reduce((sum, units) => sum + units, 0) + unit]!;

/** The bias and the weights of one unit, as numbers to change. */
export default function UnitEditor() {
  const at = edited.value;
  const now = frame.value;
  if (!at || !now || at.layer >= now.sizes.length || at.unit >= now.sizes[at.layer]!) return null;
  const inputs = now.sizes[at.layer - 1]!;
  const layer = at.layer - 1;
  const from = (i: number): string =>
    layer === 0 ? features[settings.value.features[i]!].label : `unit ${i + 1} of layer ${layer}`;
  return (
    <section
      class="unit-editor"
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

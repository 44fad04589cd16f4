import { useSignal } from "@preact/signals";
import { Choice, Slider } from "../parts/controls.tsx";
import { anatomy, type Inside, kernel } from "./anatomy.ts";
import { largest, Mosaic } from "./mosaic.tsx";
import { pick } from "./picked.ts";
import { type Explanation, type Part, type Place, signed } from "./sums.ts";

export interface SumProps {
  readonly inside: Inside;
  readonly place: Place;
  readonly explanation: Explanation;
}

/** One number of the network: which one, and the sum that made it. */
export function Sum({ inside, place, explanation }: SumProps) {
  const layer = anatomy[inside.network][place.layer]!;
  const [maps, height, width] = layer.shape;
  const layers = anatomy[inside.network].flatMap(({ name, kind }, i) => (kind === "input" ? [] : [[i, name] as const]));
  const go = (changes: Partial<Place>): void => {
    const next = { ...place, ...changes };
    const [maps, height, width] = anatomy[inside.network][next.layer]!.shape;
    pick(inside.network, {
      layer: next.layer,
      map: Math.min(next.map, maps - 1),
      y: Math.min(next.y, height - 1),
      x: Math.min(next.x, width - 1),
    });
  };
  return (
    <div class="sum">
      <div class="sum-place">
        <Choice label="Layer" value={place.layer} options={layers} onChange={(layer) => go({ layer })} />
        <Slider
          label={height * width > 1 ? "Map" : maps === 10 ? "Digit" : "Unit"}
          {...{ value: place.map, min: 0, max: maps - 1, step: 1 }}
          text={String(height * width > 1 || maps !== 10 ? place.map + 1 : place.map)}
          onChange={(map) => go({ map })}
        />
        {height * width > 1 && (
          <>
            <Slider
              label="Row"
              {...{ value: place.y, min: 0, max: height - 1, step: 1, text: String(place.y + 1) }}
              onChange={(y) => go({ y })}
            />
            <Slider
              label="Column"
              {...{ value: place.x, min: 0, max: width - 1, step: 1, text: String(place.x + 1) }}
              onChange={(x) => go({ x })}
            />
          </>
        )}
      </div>
      <div class="sum-parts">
        <Words {...explanation} />
        {explanation.kind === "pool" ? (
          <Numbers title="Patch" values={explanation.parts[0]!.patch} width={2} />
        ) : (
          <Parts {...explanation} />
        )}
      </div>
    </div>
  );
}

/** The sum in one line. Its numbers are rounded so that they add up. */
function Words({ kind, parts, bias, total, computed, activated }: Explanation) {
  if (kind === "pool")
    return (
      <p class="equation">
        The largest of {parts[0]!.patch.map((value) => signed(value)).join(", ")} is <b>{signed(total)}</b>.
      </p>
    );
  const rounded = (value: number): number => Math.round(1000 * value) / 1000;
  const products = rounded(rounded(total) - rounded(bias));
  const count = parts.length * parts[0]!.patch.length;
  return (
    <p class="equation">
      {count} products sum up to <b id="sum-products">{signed(products)}</b>, plus the bias{" "}
      <b id="sum-bias">{signed(rounded(bias))}</b> makes <b id="sum-total">{signed(rounded(total))}</b>
      {activated === undefined ? "." : ""}
      {activated !== undefined && (
        <>
          ; after ReLU it is <b id="sum-activated">{signed(Math.max(0, rounded(total)))}</b>.
        </>
      )}{" "}
      <span class="note">
        The network computed <span id="sum-computed">{signed(computed, 5)}</span>
        {activated !== undefined && (
          <>
            {" "}
            before ReLU and <span id="sum-gpu-activated">{signed(activated, 5)}</span> after it
          </>
        )}
        .
      </span>
    </p>
  );
}

/** Patches, weights and partial sums, map by map, and the products of one. */
function Parts({ parts }: Explanation) {
  const open = useSignal<number | undefined>(undefined);
  const most = parts.reduce((best, { sum }, i) => (Math.abs(sum) > Math.abs(parts[best]!.sum) ? i : best), 0);
  const shown = open.value !== undefined && open.value < parts.length ? open.value : most;
  const brightest = Math.max(...parts.map(({ patch }) => largest(patch)));
  const heaviest = Math.max(...parts.map(({ weights }) => largest(weights)));
  const { patch, weights, width } = parts[shown]!;
  return (
    <>
      {parts.length > 1 && (
        <ul class="parts" aria-label="Sums by map">
          {parts.map((part, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a map is its place
            <li key={i}>
              <button
                type="button"
                aria-pressed={i === shown}
                aria-label={`Map ${i + 1}: its products sum up to ${signed(part.sum)}`}
                onClick={() => {
                  open.value = i;
                }}
              >
                <Piece {...{ part, brightest, heaviest }} />
                <span class="part-sum">{signed(part.sum)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {patch.length <= kernel ** 2 ? (
        <div class="products">
          <Numbers title={parts.length > 1 ? `Patch of map ${shown + 1}` : "Patch"} values={patch} {...{ width }} />
          <span aria-hidden="true">×</span>
          <Numbers title="Weights" values={weights} {...{ width }} />
          <span aria-hidden="true">=</span>
          <Numbers title="Products" values={patch.map((value, i) => value * weights[i]!)} {...{ width }} />
        </div>
      ) : (
        <div class="products">
          <Picture title="Patch" values={patch} {...{ width }} />
          <span aria-hidden="true">×</span>
          <Picture title="Weights" values={weights} {...{ width }} />
          <span aria-hidden="true">=</span>
          <Picture title="Products" values={patch.map((value, i) => value * weights[i]!)} {...{ width }} />
        </div>
      )}
    </>
  );
}

/** A patch and its weights, small. */
function Piece({
  part: { patch, weights, width },
  brightest,
  heaviest,
}: {
  part: Part;
  brightest: number;
  heaviest: number;
}) {
  const shape = { height: patch.length / width, width, columns: 1, scale: 5 };
  return (
    <>
      <Mosaic label="Patch" values={patch} {...shape} most={brightest} />
      <Mosaic label="Weights" values={weights} {...shape} most={heaviest} />
    </>
  );
}

interface ValuesProps {
  readonly title: string;
  readonly values: readonly number[];
  readonly width: number;
}

/** Values as numbers. */
function Numbers({ title, values, width }: ValuesProps) {
  const rows = Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
  const most = largest(values) || 1;
  return (
    <table class="numbers">
      <caption>{title}</caption>
      <tbody>
        {rows.map((row, y) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
          <tr key={y}>
            {row.map((value, x) => (
              <td
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place
                key={x}
                class={value < 0 ? "minus" : "plus"}
                style={{ "--share": (Math.abs(value) / most).toFixed(3) }}
              >
                {signed(value, 2)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Many values, as colours. */
const Picture = ({ title, values, width }: ValuesProps) => (
  <figure class="picture">
    <figcaption>{title}</figcaption>
    <Mosaic
      label={title}
      values={values}
      height={values.length / width}
      {...{ width }}
      columns={1}
      scale={width > 20 ? 5 : 8}
    />
  </figure>
);

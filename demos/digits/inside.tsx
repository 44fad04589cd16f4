import { computed } from "@preact/signals";
import { Choice } from "../parts/controls.tsx";
import { anatomy, type Inside, type Layer, valuesOf, weightsOf } from "./anatomy.ts";
import { inputOf } from "./images.ts";
import { type Frame, largest, Mosaic, placeIn } from "./mosaic.tsx";
import { pick, picked } from "./picked.ts";
import { networksOf } from "./settings.ts";
import { chosen, look, settings, subject } from "./state.ts";
import { Sum } from "./sum.tsx";
import { columnsOf, explain, type Patch, type Place, signed } from "./sums.ts";
import { names } from "./words.ts";

/** The network that is shown, with everything in it for the image on the pad. */
const shownInside = computed(() => {
  const inside = look.value?.insides.find(({ network }) => network === subject.value);
  if (!inside) return undefined;
  const input = inputOf({ pixels: look.value!.image as Uint8Array<ArrayBuffer> }, [0]);
  const place = picked.value[inside.network];
  return { inside, input, place, explanation: explain(inside, input, place) };
});

/** The network from the image to the votes, and the sum behind one number. */
export function InsideView() {
  const now = shownInside.value;
  const both = networksOf(settings.value);
  return (
    <section class="card inside" aria-labelledby="inside-title">
      <div class="inside-head">
        <h2 id="inside-title">Inside the network</h2>
        {both.length > 1 && (
          <Choice
            label="Look into"
            value={subject.value}
            options={both.map((name) => [name, names[name]] as const)}
            onChange={(name) => {
              chosen.value = name;
            }}
          />
        )}
        <p class="note">
          <span class="key plus">Blue</span> is positive, <span class="key minus">orange</span> negative. Click a pixel
          of a map to see the sum that made it.
        </p>
      </div>
      {now ? (
        <>
          <div class="stages">
            {anatomy[now.inside.network].map((layer, i) => (
              <Stage key={`${now.inside.network} ${layer.name}`} {...{ ...now, layer, i }} />
            ))}
          </div>
          <Sum {...now} />
        </>
      ) : (
        <p class="note">Draw a digit, or choose a test image: its way through the network appears here.</p>
      )}
    </section>
  );
}

interface StageProps {
  readonly inside: Inside;
  readonly input: Float32Array;
  readonly place: Place;
  readonly explanation: { readonly from: Patch };
  readonly layer: Layer;
  readonly i: number;
}

/** Maps in a row, and pixels of the page for each value. */
function layoutOf({ shape: [maps, , width] }: Layer): { columns: number; scale: number } {
  if (width === 1) return { columns: columnsOf(maps), scale: 15 };
  if (maps === 1) return { columns: 1, scale: 4 };
  return { columns: 4, scale: width > 20 ? 2 : width > 10 ? 3 : width > 5 ? 4 : 6 };
}

/** The weights of a layer, if it has some, and its result. */
function Stage({ inside, input, place, explanation: { from }, layer, i }: StageProps) {
  const [maps, height, width] = layer.shape;
  const values = valuesOf(inside, input, i);
  const { columns, scale } = layoutOf(layer);
  const onPick =
    i === 0 ? undefined : (map: number, y: number, x: number) => pick(inside.network, { layer: i, map, y, x });
  const isVector = height * width === 1;
  const size = isVector
    ? `${maps} ${i === anatomy[inside.network].length - 1 ? "digits" : "units"}`
    : `${height} × ${width}`;
  return (
    <>
      <Weights {...{ inside, layer, i, map: place.layer === i || place.layer === i + 1 ? place.map : undefined }} />
      <figure class="stage">
        <figcaption>
          <b>{layer.name}</b> {maps > 1 && !isVector ? `${maps} maps of ${size}` : size}
        </figcaption>
        {maps === 10 && isVector ? (
          <Ballot {...{ inside, values, place, i }} />
        ) : (
          <Mosaic
            label={`${layer.name}: ${isVector ? `values of ${maps} units` : `${maps} maps of ${size}`}`}
            {...{ values, height, width, columns, scale }}
            frames={framesOf({ layer, columns }, i, place, from)}
            {...(onPick && { onPick })}
          />
        )}
      </figure>
    </>
  );
}

/** What to outline in a layer: the picked pixel, or the patch that it came from. */
function framesOf(
  { layer: { shape }, columns }: { readonly layer: Layer; readonly columns: number },
  i: number,
  place: Place,
  from: Patch,
): Frame[] {
  const [maps, height, width] = shape;
  const at = (map: number) => placeIn({ columns, height, width }, map);
  if (i === place.layer) {
    const { x, y } = at(place.map);
    return [{ x: x + place.x, y: y + place.y, width: 1, height: 1, picked: true }];
  }
  if (i !== from.layer) return [];
  const sources = from.map === undefined ? Array.from({ length: maps }, (_, map) => map) : [from.map];
  if (height * width === 1) {
    // All of a vector, as one rectangle.
    const rows = Math.ceil(maps / columns);
    return [{ x: 0, y: 0, width: 2 * columns - 1, height: 2 * rows - 1, picked: false }];
  }
  return sources.map((map) => {
    const { x, y } = at(map);
    const [left, top] = [Math.max(0, from.left), Math.max(0, from.top)];
    const right = Math.min(width, from.left + from.width);
    const bottom = Math.min(height, from.top + from.height);
    return { x: x + left, y: y + top, width: right - left, height: bottom - top, picked: false };
  });
}

interface WeightsProps {
  readonly inside: Inside;
  readonly layer: Layer;
  readonly i: number;
  /** The map whose weights are outlined. */
  readonly map: number | undefined;
}

/** The weights of a layer as images: those for one map of its result in one row, or one image for each. */
function Weights({ inside, layer, i, map }: WeightsProps) {
  const own = weightsOf(inside, i);
  if (!own) return null;
  const [sources, height, width] = anatomy[inside.network][i - 1]!.shape;
  const isConv = layer.kind === "conv";
  const side = isConv ? 5 : height;
  const isVector = !isConv && height * width === 1;
  // Of a vector, each row of weights is one image.
  const shape = isVector
    ? { height: sources / columnsOf(sources), width: columnsOf(sources) }
    : { height: side, width: side };
  const perResult = isVector ? 1 : sources;
  const columns = perResult > 1 ? 16 : isVector ? 2 : layer.shape[0] > 16 ? 16 : 4;
  const results = layer.shape[0];
  const scale = isVector ? 5 : perResult > 1 ? 2.5 : side > 5 ? 1.25 : 6;
  const frames =
    map === undefined
      ? []
      : Array.from({ length: perResult }, (_, k) => {
          const { x, y } = placeIn({ columns, ...shape }, map * perResult + k);
          return { x, y, ...shape, picked: false };
        });
  const what =
    perResult > 1 ? `${results} × ${sources} of ${side} × ${side}` : `${results} of ${shape.height} × ${shape.width}`;
  return (
    <figure class="stage weights">
      <figcaption>
        <b>{isConv ? "Filters" : "Weights"}</b> {what}
      </figcaption>
      <Mosaic
        label={`${isConv ? "Filters" : "Weights"} of ${layer.name}: ${what}`}
        values={own.weight}
        {...{ ...shape, columns, scale, frames }}
        most={largest(own.weight)}
      />
    </figure>
  );
}

/** The votes for the digits, as buttons. */
function Ballot({ inside, values, place, i }: { inside: Inside; values: Float32Array; place: Place; i: number }) {
  const most = largest(values) || 1;
  const best = values.indexOf(Math.max(...values));
  return (
    <ol class="ballot" start={0}>
      {Array.from(values, (value, digit) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a digit is its place
        <li key={digit}>
          <button
            type="button"
            class={digit === best ? "best" : ""}
            aria-pressed={place.layer === i && place.map === digit}
            onClick={() => pick(inside.network, { layer: i, map: digit, y: 0, x: 0 })}
          >
            <b>{digit}</b>
            <i
              class={value < 0 ? "minus" : "plus"}
              aria-hidden="true"
              style={{ "--share": (Math.abs(value) / most).toFixed(3) }}
            />
            <span>{signed(value, 2)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

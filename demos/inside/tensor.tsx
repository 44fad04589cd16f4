import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type RecordedTensor, type Recording, type Statistics, valuesOf } from "../../src/recording/index.ts";
import { DispatchLink, Fact, Facts } from "./facts.tsx";
import { canFollow } from "./follow.ts";
import { Heatmap } from "./heatmap.tsx";
import { Path } from "./path.tsx";
import { indexOf, placeOf, sizeOf } from "./places.ts";
import { isBroken } from "./session.ts";
import { bytes, shapeOf, value } from "./words.ts";

export interface TensorPanelProps {
  readonly recording: Recording;
  readonly at: number;
  /** Whether it is part of another panel. */
  readonly isPart?: boolean;
}

const kinds: Readonly<Record<RecordedTensor["kind"], string>> = {
  input: "Input",
  variable: "Variable before the step",
  updated: "Variable after the step",
  constant: "Constant",
  computed: "Computed",
};

/** Statistics, histograms, elements, and where one element came from. */
export function TensorPanel({ recording, at, isPart = false }: TensorPanelProps) {
  const tensor = recording.tensors[at]!;
  const { name, kind, shape, dtype, layer, dispatch, statistics } = tensor;
  const now = statistics.at(-1)!;
  return (
    <section class={isPart ? "part" : undefined}>
      {!isPart && <p class="kind">{kinds[kind]}</p>}
      {isPart ? <h3>Values of {name}</h3> : <h2>{name}</h2>}
      <Facts>
        {!isPart && (
          <Fact name="Shape">
            {dtype} {shapeOf(shape)}, {bytes(sizeOf(shape) * (dtype === "f16" ? 2 : 4))}
          </Fact>
        )}
        {!isPart && layer && <Fact name="Layer">{layer}</Fact>}
        {!isPart && dispatch !== null && (
          <Fact name="Written by">
            <DispatchLink recording={recording} at={dispatch} />
          </Fact>
        )}
        <Fact name="Range">
          {value(now.min)} to {value(now.max)}
        </Fact>
        <Fact name="Mean ± deviation">
          {value(now.mean)} ± {value(now.std)}
        </Fact>
        <Fact name="Norm">{value(now.norm)}</Fact>
        <Fact name="Zeros">{zeros(now, sizeOf(shape))}</Fact>
        {isBroken(tensor) && (
          <Fact name="Not finite">
            {now.nans} NaN, {now.infinities} infinite: dark below
          </Fact>
        )}
      </Facts>
      {sizeOf(shape) === 1 ? (
        <Course statistics={statistics} steps={recording.steps} />
      ) : (
        <Histograms statistics={statistics} steps={recording.steps} />
      )}
      <Elements key={at} recording={recording} at={at} />
    </section>
  );
}

const zeros = (now: Statistics, size: number): string =>
  `${now.zeros} of ${size} (${((100 * now.zeros) / size).toFixed(now.zeros % size ? 1 : 0)} %)`;

/** What the tensors of several steps say. */
interface Steps {
  readonly statistics: readonly Statistics[];
  readonly steps: readonly number[];
}

/** A number over the training. */
function Course({ statistics, steps }: Steps) {
  if (steps.length < 2) return null;
  return (
    <Facts>
      {statistics.slice(-8).map(({ min, histogram }, i) => {
        const step = steps.slice(-8)[i]!;
        return (
          <Fact key={step} name={`Step ${step}`}>
            {histogram.length > 0 ? value(min) : "not finite"}
          </Fact>
        );
      })}
    </Facts>
  );
}

const [wide, tall, shift] = [260, 56, 16];

/** The histogram of each step, the earlier ones behind. All have one axis. */
function Histograms({ statistics, steps }: Steps) {
  const shown = statistics.map((each, i) => ({ ...each, step: steps[i]! })).slice(-8);
  const some = shown.filter(({ histogram }) => histogram.length > 0);
  if (some.length === 0) return <p class="note">No element is finite.</p>;
  const [low, high] = [Math.min(...some.map(({ min }) => min)), Math.max(...some.map(({ max }) => max))];
  if (low === high) {
    const isWhole = statistics.at(-1)!.nans + statistics.at(-1)!.infinities === 0;
    return (
      <p class="note">
        All {isWhole ? "" : "finite "}elements are {value(low)}.
      </p>
    );
  }
  const height = tall + shift * (some.length - 1) + 18;
  const x = (at: number): number => ((at - low) / (high - low)) * wide;
  const bins = ({ histogram, min, max }: Statistics, base: number): string => {
    const each = (x(max) - x(min)) / histogram.length || 2;
    const density = histogram.map((count) => count / each);
    const most = Math.max(...density);
    const points = density.map((d, i) => {
      const y = base - (d / most) * (tall - 6);
      return `L${(x(min) + i * each).toFixed(1)} ${y.toFixed(1)}H${(x(min) + (i + 1) * each).toFixed(1)}`;
    });
    return `M${x(min).toFixed(1)} ${base}${points.join("")}V${base}Z`;
  };
  const label = `Histogram from ${value(low)} to ${value(high)}${some.length > 1 ? `, of steps ${some.map(({ step }) => step).join(", ")}` : ""}`;
  return (
    <svg class="histogram" viewBox={`0 0 ${wide + 40} ${height}`} role="img" aria-label={label}>
      {some.map((each, i) => {
        const base = tall + i * shift;
        return (
          <g key={each.step} class={i === some.length - 1 ? "now" : "then"}>
            <path d={bins(each, base)} />
            {some.length > 1 && (
              <text x={wide + 4} y={base}>
                {each.step}
              </text>
            )}
          </g>
        );
      })}
      <text x={0} y={height - 3}>
        {value(low)}
      </text>
      <text x={wide} y={height - 3} text-anchor="end">
        {value(high)}
      </text>
    </svg>
  );
}

/** The elements as a picture, one of them chosen, and a way to follow it. */
function Elements({ recording, at }: { readonly recording: Recording; readonly at: number }) {
  const tensor = recording.tensors[at]!;
  const { shape } = tensor;
  const values = useMemo(() => valuesOf(tensor), [tensor]);
  // What went wrong is looked at first.
  const wrong = isBroken(tensor) && values ? values.findIndex((each) => !Number.isFinite(each)) : 0;
  const [chosen, choose] = useState(Math.max(0, wrong));
  const [isFollowed, followIt] = useState(false);
  const path = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isFollowed) path.current!.scrollIntoView({ block: "nearest" });
  }, [isFollowed]);
  const size = sizeOf(shape);
  const element = Math.min(chosen, size - 1);
  const place = placeOf(element, shape);
  return (
    <>
      {size > 1 && (
        <Heatmap
          shape={shape}
          values={values}
          statistics={tensor.statistics.at(-1)!}
          marked={element}
          onPick={choose}
        />
      )}
      {!values && <p class="note">The recording keeps no elements of tensors as large as this one.</p>}
      <div class="element">
        {place.map((index, axis) => (
          <label key={axis}>
            Axis {axis}
            <input
              type="number"
              min={0}
              max={shape[axis]! - 1}
              value={index}
              onInput={({ currentTarget }) => {
                const next = Math.min(Math.max(0, Math.floor(currentTarget.valueAsNumber || 0)), shape[axis]! - 1);
                choose(indexOf(place.with(axis, next), shape));
              }}
            />
          </label>
        ))}
        {values && (
          <p>
            Element {shapeOf(place)} is <strong>{value(values[element]!)}</strong>
          </p>
        )}
        {recording.graph && tensor.kind !== "input" && canFollow(shape) && (
          <button type="button" class="button" aria-expanded={isFollowed} onClick={() => followIt(!isFollowed)}>
            {isFollowed ? "Stop following" : "Follow this number"}
          </button>
        )}
      </div>
      <div ref={path}>{isFollowed && <Path recording={recording} tensor={at} element={element} />}</div>
    </>
  );
}

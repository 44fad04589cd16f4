import { useComputed } from "@preact/signals";
import { Curves } from "../parts/curves.tsx";
import { Figure } from "../parts/figure.tsx";
import { cursor, painting } from "./brush.ts";
import { surfaceOf } from "./drawing.tsx";
import type { Frame } from "./frame.ts";
import { nameOf } from "./names.ts";
import { samples, taskOf } from "./problems.ts";
import { chosen, courses, frames, looked, networks, shared, type Unit } from "./session.ts";
import { Points, Surface } from "./surface.tsx";
import { sizesOf } from "./values.ts";

/** What the networks make of the plane, and their losses. */
export function Result() {
  const both = networks.value.length > 1;
  return (
    <section class={`card result${both ? " both" : ""}`} aria-labelledby="result-title">
      <h2 id="result-title">{titleOf()}</h2>
      <div class="outcomes">
        {networks.value.map((_, run) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a network is its place
          <Outcome key={run} run={run} />
        ))}
      </div>
      <p class="hint">
        Filled points train the network, rings only test it.{" "}
        {taskOf(shared.value) === "classification" && "Accuracy counts the rings."}
      </p>
      <Losses />
    </section>
  );
}

const titleOf = (): string => nameOf(shownOf(chosen.value), networks.value[chosen.value]!);

/** The unit to show of a network: the one that is looked at, or else the output. */
function shownOf(run: number): Unit {
  const output = { layer: networks.value[run]!.layers.length + 1, unit: 0 };
  return (run === chosen.value ? looked.value : undefined) ?? output;
}

function Outcome({ run }: { readonly run: number }) {
  const points = useComputed(() => <Points samples={samples(shared.value)} />);
  const now: Frame | undefined = frames.value[run];
  const isThere = now && now.sizes.join() === sizesOf(networks.value[run]!).join();
  const both = networks.value.length > 1;
  const isOwn = shared.value.problem === "own";
  const end = run === 0 ? "" : "-b";
  const percent = now?.accuracy === undefined ? "–" : `${(100 * now.accuracy).toFixed(1)} %`;
  return (
    <div class="outcome">
      {both && <h3>Network {"AB"[run]}</h3>}
      <div class={`plane${isOwn ? " own" : ""}`} {...(isOwn && painting)}>
        {isThere && <Surface values={surfaceOf(now, shownOf(run))} />}
        {points}
        {isOwn && samples(shared.value).y.length === 0 && <p class="prompt">Paint points here</p>}
        {isOwn && cursor.value && <Cursor at={cursor.value} />}
      </div>
      <dl class="figures">
        <Figure id={`train-loss${end}`} name="Training loss" kind="train" value={lossText(now?.loss.train)} />
        <Figure id={`test-loss${end}`} name="Test loss" kind="test" value={lossText(now?.loss.test)} />
        <Figure id={`accuracy${end}`} name="Accuracy" value={percent} />
      </dl>
      <Diverged frame={now} />
    </div>
  );
}

const lossText = (loss = Number.NaN): string => (Number.isFinite(loss) ? loss.toFixed(4) : "–");

/** Says that a training can come to nothing any more. Without points to train on there is no loss either. */
const Diverged = ({ frame }: { readonly frame: Frame | undefined }) =>
  frame === undefined || Number.isFinite(frame.loss.train) || samples(shared.value).train === 0 ? null : (
    <p class="hint" role="status">
      The loss is no longer a number: the steps are too large. Choose a smaller learning rate, and reset.
    </p>
  );

/** Where the keyboard's brush is. */
const Cursor = ({ at: [x, y] }: { readonly at: readonly [number, number] }) => (
  <svg class="points cursor" viewBox="-4 -4 8 8" aria-hidden="true">
    <path d={`M${x - 0.3} ${-y}h0.6M${x} ${-y - 0.3}v0.6`} />
  </svg>
);

function Losses() {
  const [first, second] = courses.value;
  const both = networks.value.length > 1;
  const known = first ?? { epochs: [], train: [], test: [] };
  const other = second ?? { train: [], test: [] };
  return (
    <>
      <Curves
        key={String(both)}
        label="Losses by epoch, of training and test points, as curves"
        data={[known.epochs, known.train, known.test, ...(both ? [other.train, other.test] : [])]}
        colors={["--accent", "--warm", ...(both ? ["--accent", "--warm"] : [])]}
        dashed={both ? 2 : 0}
      />
      {both && <p class="hint">Dashed: network B. Both train on the same points, epoch by epoch.</p>}
    </>
  );
}

import { upload } from "../../src/store/files.ts";
import { Choice } from "../parts/controls.tsx";
import { Figure } from "../parts/figure.tsx";
import { LookInside } from "../parts/inside.tsx";
import { type Axis, Chart } from "./chart.tsx";
import * as session from "./session.ts";
import {
  batchSize,
  dropouts,
  imageCounts,
  models,
  type NetworkName,
  networksOf,
  rates,
  stepsPerEpoch,
} from "./settings.ts";
import { arrived, busy, course, ended, playing, replacement, settings, speed, step } from "./state.ts";
import { names } from "./words.ts";

const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** Buttons, options and curves of the training. */
export function Training() {
  return (
    <section class="card course" aria-labelledby="training-title" aria-busy={busy.value}>
      <h2 id="training-title" class="visually-hidden">
        Training
      </h2>
      <Toolbar />
      <Options />
      <Charts />
      <Files />
      <Exports />
    </section>
  );
}

function Toolbar() {
  const isReady = step.value !== undefined && !ended.value;
  const epoch = step.value === undefined ? undefined : step.value / stepsPerEpoch(settings.value);
  return (
    <div class="toolbar">
      <button id="play" type="button" class="button primary" disabled={!isReady} onClick={session.toggle}>
        {playing.value ? "Pause" : step.value ? "Continue" : "Train"}
      </button>
      <button
        id="one-epoch"
        type="button"
        class="button"
        disabled={!isReady}
        onClick={() => void session.finishEpoch()}
      >
        One epoch
      </button>
      <button id="reset" type="button" class="button" disabled={!isReady} onClick={() => void session.startOver()}>
        Start over
      </button>
      <button id="seed" type="button" class="button" disabled={!isReady} onClick={session.newSeed}>
        New seed
      </button>
      <LookInside record={session.record} title={`Digits, step ${step.value ?? 0}`} disabled={!isReady} />
      <dl class="figures">
        <Figure id="epoch" name="Epoch" value={epoch === undefined ? "–" : epoch.toFixed(epoch < 10 ? 1 : 0)} />
        <Figure id="steps" name="Step" value={step.value === undefined ? "–" : count(step.value)} />
        <Figure id="speed" name="Images/s" value={speed.value === undefined ? "–" : count(speed.value)} />
      </dl>
      <p id="status" class="status" role="status">
        {status()}
      </p>
    </div>
  );
}

/** What the page waits for, in words. */
function status(): string {
  if (step.value !== undefined || ended.value) return "";
  const { value: share } = arrived;
  return share > 0 && share < 1 ? `Loading images, ${Math.floor(100 * share)} %` : "Preparing the networks";
}

const modelNames = { cnn: "CNN", mlp: "MLP", both: "Both, racing" } as const;

function Options() {
  const now = settings.value;
  return (
    <div class="options">
      <Choice
        label="Network"
        value={now.model}
        options={models.map((model) => [model, modelNames[model]] as const)}
        onChange={(model) => session.change({ model })}
      />
      <Choice
        label="Images to train on"
        value={now.images}
        options={imageCounts.map((n) => [n, n > 10_000 ? `${count(n)} (9 MiB more)` : count(n)] as const)}
        onChange={(images) => session.change({ images })}
      />
      <Choice
        label="Dropout"
        value={now.dropout}
        options={dropouts.map((n) => [n, n === 0 ? "None" : `${n} %`] as const)}
        onChange={(dropout) => session.change({ dropout })}
      />
      <Choice
        label="Learning rate"
        value={now.rate}
        options={rates.map((rate) => [rate, String(rate)] as const)}
        onChange={(rate) => session.change({ rate })}
      />
    </div>
  );
}

const powersOfTen = Array.from({ length: 14 }, (_, i) => 10 ** (i - 6));

/** Images that a network has seen, logarithmically: most happens at first. */
const seen: Axis = {
  place: Math.log10,
  ends: (_, high) => [batchSize, Math.max(5000, high)],
  ticks: powersOfTen,
  format: (value) => (value >= 1e6 ? `${value / 1e6} M` : value >= 1000 ? `${value / 1000} k` : String(value)),
};

const losses: Axis = {
  place: Math.log10,
  ends: (low, high) => [Math.min(0.03, 0.8 * low), Math.min(30, Math.max(2.5, 1.1 * high))],
  ticks: powersOfTen,
  format: (value) => String(Number(value.toPrecision(1))),
};

/** The climb from chance gets as much room as the last errors: logarithms of right to wrong. */
const accuracies: Axis = {
  place: (share) => Math.log10(share / (1 - share)),
  ends: (_, high) => [0.05, Math.min(0.9995, Math.max(0.993, high))],
  ticks: [0.1, 0.5, 0.9, 0.99, 0.999],
  format: (share) => `${100 * share} %`,
};

const sets = ["test", "training"] as const;

/** A chart with a solid curve of test images and a dashed one of training images for each network. */
function Scores({ id, title, y, of }: { id: string; title: string; y: Axis; of: "loss" | "accuracy" }) {
  const all = networksOf(settings.value);
  const { steps, scores } = course.value;
  // Logarithms of nothing and of everything have no place.
  const [least, most] = of === "loss" ? [1e-6, 1e6] : [0.02, 0.9995];
  const curves = all.flatMap((name) =>
    sets.map((kind) => ({
      name,
      kind,
      values: (scores[name] ?? []).map((score) => Math.min(most, Math.max(least, score[kind][of]))),
    })),
  );
  const last = (name: NetworkName, set: (typeof sets)[number]): string => {
    const value = scores[name]?.at(-1)?.[set][of];
    if (value === undefined) return "–";
    return of === "loss" ? value.toFixed(4) : `${(100 * value).toFixed(1)} %`;
  };
  return (
    <figure>
      <figcaption>
        <span class="chart-title">{title}</span>
        {all.map((name) => (
          <span key={name} class={`legend ${name}`}>
            {all.length > 1 && <b>{names[name]} </b>}
            {sets.map((set) => (
              <span key={set} class={set}>
                {set} <output id={`${id}-${set}-${name}`}>{last(name, set)}</output>
              </span>
            ))}
          </span>
        ))}
      </figcaption>
      <Chart
        label={`${title} by images seen, of test and training images, as curves`}
        x={seen}
        y={y}
        at={steps.map((step) => step * batchSize)}
        curves={curves}
      />
    </figure>
  );
}

const Charts = () => (
  <div class="charts">
    <Scores id="loss" title="Loss" y={losses} of="loss" />
    <Scores id="accuracy" title="Accuracy" y={accuracies} of="accuracy" />
    <p class="note">
      Left to right: images seen so far. Test images are never trained on. <b>Over-fitting:</b> with 100 images and no
      dropout, the dashed training loss falls to almost nothing while the solid test loss stays high and rises again.{" "}
      <button id="overfit" type="button" class="link" onClick={session.overfit}>
        Show it
      </button>
    </p>
  </div>
);

/** Keeps the training as a file, and takes one back. */
function Files() {
  const isReady = step.value !== undefined && !ended.value;
  const unkept = replacement.value ? "it keeps no training with another kernel." : session.unkept.value;
  const choose = async (): Promise<void> => {
    const file = await upload({ accept: ".safetensors" });
    if (file) await session.open(file);
  };
  return (
    <div class="files">
      <button id="save" type="button" class="button" disabled={!isReady} onClick={() => void session.save()}>
        Save the training
      </button>
      <button id="load" type="button" class="button" disabled={!isReady} onClick={() => void choose()}>
        Load one
      </button>
      <p class="note">
        The file holds everything. Here or on another computer, the training goes on exactly where it was.{" "}
        {unkept === undefined
          ? "After a reload, this page goes on as well."
          : `After a reload, this page starts over: ${unkept}`}
      </p>
      {session.refused.value !== undefined && (
        <p id="refused" class="refused" role="alert">
          {session.refused.value}
        </p>
      )}
    </div>
  );
}

/** Offers the networks to other programs. */
function Exports() {
  const isReady = step.value !== undefined && !ended.value;
  const all = networksOf(settings.value);
  return (
    <div class="files">
      {all.map((network) => (
        <button
          key={network}
          id={`export-${network}`}
          type="button"
          class="button"
          disabled={!isReady}
          onClick={() => void session.saveOnnx(network)}
        >
          Export {all.length > 1 && names[network]} as ONNX
        </button>
      ))}
      <p class="note">
        The network as it is now, for other programs. Input <code>image</code>: [batch, 1, 28, 28], pixels from 0 for
        paper to 1 for ink. Output <code>votes</code>: [batch, 10].
      </p>
    </div>
  );
}

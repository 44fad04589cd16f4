import { useComputed } from "@preact/signals";
import { Choice, Notice, Slider } from "../parts/controls.tsx";
import { Curves } from "../parts/curves.tsx";
import { Adapter, Unsupported } from "../parts/gpu.tsx";
import { Drawing, nameOf, surfaceOf } from "./drawing.tsx";
import { problems, samples, taskOf } from "./problems.ts";
import * as session from "./session.ts";
import {
  activations,
  batchSizes,
  lossesOf,
  lossOf,
  optimizers,
  penalties,
  rates,
  splits,
  strengths,
} from "./settings.ts";
import { Points, Surface } from "./surface.tsx";

const { settings, playing, frame, course, change } = session;

/** Names of what settings can be. */
const names: Readonly<Record<string, string>> = {
  xor: "XOR",
  rings: "Rings",
  gaussians: "Gaussians",
  spiral: "Spiral",
  slope: "Slope",
  hills: "Hills",
  tanh: "tanh",
  relu: "ReLU",
  sigmoid: "Sigmoid",
  linear: "Linear",
  adam: "Adam",
  sgd: "SGD",
  momentum: "SGD, momentum",
  rmsprop: "RMSProp",
  none: "None",
  l1: "L1",
  l2: "L2",
  logistic: "Cross-entropy",
  hinge: "Hinge",
  squared: "Squared",
  absolute: "Absolute",
  huber: "Huber",
};

const named = <T extends string | number>(values: readonly T[]) =>
  values.map((value) => [value, names[String(value)] ?? String(value)] as const);

export function Page() {
  if (session.missing.value) return <Unsupported error={session.missing.value} />;
  const { remote, failure } = session;
  return (
    <>
      {failure.value !== undefined && (
        <Notice>
          <p>{failure.value}</p>
          <button type="button" class="button" onClick={() => location.reload()}>
            Reload
          </button>
        </Notice>
      )}
      <Toolbar />
      <div class="playground">
        <Data />
        <Drawing />
        <Result />
      </div>
      <Options />
      {remote.value && <Adapter {...remote.value} />}
    </>
  );
}

function Toolbar() {
  const isReady = frame.value !== undefined && !session.ended.value;
  return (
    <section class="card toolbar" aria-label="Training">
      <button
        id="play"
        type="button"
        class="button primary"
        disabled={!isReady}
        onClick={() => {
          playing.value = !playing.value;
        }}
      >
        {playing.value ? "Pause" : "Play"}
      </button>
      <button id="step" type="button" class="button" disabled={!isReady} onClick={session.step}>
        One step
      </button>
      <button id="one-epoch" type="button" class="button" disabled={!isReady} onClick={session.finishEpoch}>
        One epoch
      </button>
      <button id="reset" type="button" class="button" disabled={!isReady} onClick={() => void session.reset()}>
        Reset
      </button>
      <button
        id="seed"
        type="button"
        class="button"
        disabled={!isReady}
        onClick={() => change({ seed: (settings.value.seed % 999_999) + 1 })}
      >
        New seed
      </button>
      <dl class="figures">
        <Figure
          id="epoch"
          name="Epoch"
          value={frame.value ? Math.floor(frame.value.epoch).toLocaleString("en-US") : "–"}
        />
        <Figure id="steps" name="Step" value={frame.value ? frame.value.step.toLocaleString("en-US") : "–"} />
      </dl>
    </section>
  );
}

function Figure({ id, name, value, kind }: { id: string; name: string; value: string; kind?: string }) {
  return (
    <div class={kind}>
      <dt>{name}</dt>
      <dd id={id}>{value}</dd>
    </div>
  );
}

function Data() {
  const { problem, noise, split, batch } = settings.value;
  return (
    <section class="card data" aria-labelledby="data-title">
      <h2 id="data-title">Data</h2>
      <fieldset class="problems">
        <legend class="visually-hidden">Problem</legend>
        {problems.map((name) => (
          <label key={name} class="problem">
            <input type="radio" name="problem" checked={name === problem} onChange={() => change({ problem: name })} />
            <Sketch problem={name} />
            <span>{names[name]}</span>
          </label>
        ))}
      </fieldset>
      <Slider
        label="Noise"
        {...{ value: noise, min: 0, max: 50, step: 5, text: `${noise} %` }}
        onChange={(noise) => change({ noise })}
      />
      <Choice
        label="Points to train on"
        value={split}
        options={splits.map((value) => [value, `${value} %`] as const)}
        onChange={(split) => change({ split })}
      />
      <Choice label="Batch size" value={batch} options={named(batchSizes)} onChange={(batch) => change({ batch })} />
    </section>
  );
}

const sketches = new Map(
  problems.map((problem) => [problem, samples({ problem, noise: 0, split: 100, seed: 1 })] as const),
);

const Sketch = ({ problem }: { readonly problem: (typeof problems)[number] }) => (
  <Points samples={sketches.get(problem)!} />
);

function Result() {
  const points = useComputed(() => {
    const { problem, noise, split, seed } = settings.value;
    return <Points samples={samples({ problem, noise, split, seed })} />;
  });
  const now = frame.value;
  const layers = settings.value.layers.length;
  const looked = session.looked.value;
  const output = { layer: layers + 1, unit: 0 };
  const shown = looked ?? output;
  const isThere = now && now.sizes.length === layers + 2 && shown.unit < now.sizes[shown.layer]!;
  const percent = now?.accuracy === undefined ? "–" : `${(100 * now.accuracy).toFixed(1)} %`;
  return (
    <section class="card result" aria-labelledby="result-title">
      <h2 id="result-title">{nameOf(shown, layers)}</h2>
      <div class="plane">
        {isThere && <Surface values={surfaceOf(now, shown)} />}
        {points}
      </div>
      <dl class="figures">
        <Figure id="train-loss" name="Training loss" kind="train" value={now ? now.loss.train.toFixed(4) : "–"} />
        <Figure id="test-loss" name="Test loss" kind="test" value={now ? now.loss.test.toFixed(4) : "–"} />
        <Figure id="accuracy" name="Accuracy" value={percent} />
      </dl>
      <Curves
        label="Losses by epoch, of training and test points, as curves"
        data={[course.value.epochs, course.value.train, course.value.test]}
        colors={["--accent", "--warm"]}
      />
    </section>
  );
}

function Options() {
  const now = settings.value;
  return (
    <section class="card options" aria-label="Options of the training">
      <Choice
        label="Activation"
        value={now.activation}
        options={named(activations)}
        onChange={(activation) => change({ activation })}
      />
      <Choice
        label="Loss"
        value={lossOf(now)}
        options={named(lossesOf[taskOf(now.problem)])}
        onChange={(loss) => change({ loss })}
      />
      <Choice
        label="Optimizer"
        value={now.optimizer}
        options={named(optimizers)}
        onChange={(optimizer) => change({ optimizer })}
      />
      <Choice label="Learning rate" value={now.rate} options={named(rates)} onChange={(rate) => change({ rate })} />
      <Choice
        label="Regularisation"
        value={now.penalty}
        options={named(penalties)}
        onChange={(penalty) => change({ penalty })}
      />
      <Choice
        label="Its strength"
        value={now.strength}
        options={named(strengths)}
        onChange={(strength) => change({ strength })}
      />
    </section>
  );
}

import { Figure } from "../../parts/figure.tsx";
import { Chart } from "./chart.tsx";
import { course, frame, tagging } from "./session.ts";

const bits = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(3));

/** How many bits each character costs the network. */
export function Learning() {
  const now = frame.value;
  const { steps, train, looks, validation } = course.value;
  return (
    <section class="card learning" aria-labelledby="learning-title">
      <h2 id="learning-title">Bits per character</h2>
      <dl class="figures">
        <Figure id="train-bits" name="Training" kind="train" value={bits(now?.train)} />
        <Figure
          id="validation-bits"
          name={tagging() ? "Held-out names" : "Held-out text"}
          kind="validation"
          value={bits(now?.validation)}
        />
        <Figure id="baseline-bits" name="Frequency alone" kind="baseline" value={bits(now?.baseline)} />
      </dl>
      <Chart
        label="Bits per character by step: of training, of text that is held out, and of a guess by frequency"
        unit="steps"
        last={steps.at(-1) ?? 0}
        lines={[
          { kind: "baseline", x: now ? [0, Math.max(1, now.step)] : [], y: now ? [now.baseline, now.baseline] : [] },
          { kind: "train", x: steps, y: train },
          { kind: "validation", x: looks, y: validation },
        ]}
      />
      <p class="legend">
        {tagging()
          ? "How uncertain the network is about each character, whether it belongs to a first or a last name: 1 bit is a choice between two equally likely ones."
          : "How uncertain the network is about the next character: 1 bit is a choice between two equally likely ones."}
        {now &&
          ` A guess that knows only how often each ${tagging() ? "kind of name" : "character"} occurs needs ${bits(now.baseline)} bits.`}
      </p>
    </section>
  );
}

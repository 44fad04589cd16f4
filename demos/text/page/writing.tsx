import { Slider } from "../../parts/controls.tsx";
import { stepsText } from "./pace.ts";
import { ended, frame, type Sample, samples, temperature, warm, write, writing } from "./session.ts";

/** What the network writes, the newest first: from noise to words. */
export function Writing() {
  const [newest, ...earlier] = samples.value;
  const value = temperature.value;
  return (
    <section class="card writing" aria-labelledby="writing-title">
      <div class="writing-head">
        <h2 id="writing-title">What it writes{newest && `, after ${stepsText(newest.step)}`}</h2>
        <Slider
          label="Temperature"
          {...{ value, min: 0, max: 20, step: 1, text: (value / 10).toFixed(1) }}
          onChange={warm}
        />
        <button
          id="write"
          type="button"
          class="button"
          disabled={!frame.value || ended.value}
          onClick={() => void write()}
        >
          Write
        </button>
      </div>
      {!newest && !ended.value && <p class="legend">Compiling what writes…</p>}
      <p class="sample" id="sample" aria-busy={writing.value}>
        {newest && shown(newest)}
      </p>
      <p class="legend">
        Temperature 0 always takes the likeliest character, 1 draws as the network predicts, more is bolder.
      </p>
      {earlier.length > 0 && (
        <ol class="earlier" aria-label="What it wrote before">
          {earlier.map((sample) => (
            <li key={sample.step}>
              <span class="when">{stepsText(sample.step)}</span>
              <span class="sample">{shown(sample)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** Short lines, such as names, beside each other. */
function shown({ text }: Sample): string {
  const lines = text.split("\n");
  return lines.every((line) => line.length < 30) ? lines.filter((line) => line !== "").join(" · ") : text;
}

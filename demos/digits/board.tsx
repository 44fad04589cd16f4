import { useEffect, useRef } from "preact/hooks";
import { classes } from "./packs.ts";
import { Pad } from "./pad.ts";
import { Print } from "./print.tsx";
import { draw, image, look, show, shown, test } from "./state.ts";
import { articleOf, names, sureness } from "./words.ts";

/** The pad, and what the networks say of what is on it. */
export function Board() {
  return (
    <section class="card board" aria-labelledby="board-title">
      <h2 id="board-title" class="visually-hidden">
        Your digit
      </h2>
      <Paper />
      <Verdict />
      <Votes />
      <Tests />
    </section>
  );
}

function Paper() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pad = useRef<Pad | null>(null);
  useEffect(() => {
    const own = new Pad(canvas.current!, () => {
      if (!own.isExample) draw(own.image());
    });
    pad.current = own;
  }, []);
  const example = shown.value > 0 ? image.value : undefined;
  useEffect(() => {
    if (example) pad.current!.show(example);
  }, [example]);
  return (
    <div class="paper">
      <canvas
        id="pad"
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label="Pad to draw a digit on, with mouse or finger; or arrow keys move a pen, Space puts it down and lifts it, Escape clears the pad. The buttons below put test images on it."
      />
      {!image.value && (
        <p class="hint" aria-hidden="true">
          Draw a digit
        </p>
      )}
      <button
        id="clear"
        type="button"
        class="button"
        disabled={!image.value}
        onClick={() => {
          pad.current!.clear();
          draw(undefined);
        }}
      >
        Clear
      </button>
    </div>
  );
}

const bestOf = (probabilities: Float32Array): number => probabilities.indexOf(Math.max(...probabilities));

function Verdict() {
  const now = look.value;
  return (
    <div class="verdict">
      <div class="seen">
        <Print image={image.value} label="The digit as the network sees it, 28 by 28 pixels" />
      </div>
      <div id="verdict" aria-live="polite">
        {now ? (
          now.insides.map(({ network, probabilities }) => {
            const best = bestOf(probabilities);
            const [before, after] = sureness(probabilities[best]!);
            return (
              <p key={network} class={network}>
                {now.insides.length > 1 && <span class="network-name">{names[network]}: </span>}
                {before} {articleOf(best)} <strong>{best}</strong>
                {after}
              </p>
            );
          })
        ) : (
          <p>Its guess appears here.</p>
        )}
      </div>
    </div>
  );
}

/** The probability of each digit, as bars. */
function Votes() {
  const insides = look.value?.insides ?? [];
  return (
    <ol class="votes" aria-label="Probability of each digit" start={0}>
      {Array.from({ length: classes }, (_, digit) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a digit is its place
        <li key={digit}>
          <b>{digit}</b>
          <div class="bars">
            {(insides.length > 0 ? insides : [undefined]).map((inside) => {
              const share = inside?.probabilities[digit] ?? 0;
              const isBest = inside && bestOf(inside.probabilities) === digit;
              return (
                <div key={inside?.network} class={`bar ${inside?.network ?? ""} ${isBest ? "best" : ""}`}>
                  <i aria-hidden="true" style={{ "--share": share.toFixed(4) }} />
                  <span>{inside && `${(100 * share).toFixed(1)} %`}</span>
                </div>
              );
            })}
          </div>
        </li>
      ))}
    </ol>
  );
}

/** Chooses test images. */
function Tests() {
  const all = test.value;
  const number = shown.value;
  return (
    <div class="tests">
      <button
        id="before"
        type="button"
        class="round"
        aria-label="The test image before"
        disabled={!all}
        onClick={() => show(number - 1)}
      >
        ‹
      </button>
      <button
        id="example"
        type="button"
        class="button"
        disabled={!all}
        onClick={() => show(1 + Math.floor(Math.random() * all!.count))}
      >
        Any test image
      </button>
      <button
        id="after"
        type="button"
        class="round"
        aria-label="The next test image"
        disabled={!all}
        onClick={() => show(number + 1)}
      >
        ›
      </button>
      <p id="caption">
        {all && number > 0
          ? `Test image ${number.toLocaleString("en-US")}, ${articleOf(all.labels[number - 1]!)} ${all.labels[number - 1]}. Draw over it.`
          : "What you draw is scaled and centred as the images are."}
      </p>
    </div>
  );
}

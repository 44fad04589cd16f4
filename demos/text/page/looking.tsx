import { Choice, Slider } from "../../parts/controls.tsx";
import { Bars } from "./bars.tsx";
import { caret, count, look, reading, shown, unit, valueAt } from "./inside.ts";
import { Lines } from "./lines.tsx";
import { settings, view } from "./session.ts";
import { longestRead, showsOf } from "./settings.ts";
import { UnitMap } from "./unitMap.tsx";

const names: Readonly<Record<string, string>> = {
  hidden: "Hidden state",
  cell: "Cell state",
  input: "Input gate",
  forget: "Forget gate",
  candidate: "Candidate",
  output: "Output gate",
  reset: "Reset gate",
  update: "Update gate",
  attention: "Attention",
  answer: "What it takes it for",
};

const legends: Readonly<Record<string, string>> = {
  attention: "How much the character before the caret attends to each character, in one head.",
  answer: "Orange characters are taken for part of a first name, blue ones for part of a last name.",
};

const set = (changes: Partial<typeof view.value>): void => {
  view.value = { ...view.value, ...changes };
};

/** A look into the network while it reads a text: one unit as colour, and what it expects at the caret. */
export function Looking() {
  const attends = shown() === "attention";
  return (
    <section class="card looking" aria-labelledby="looking-title">
      <h2 id="looking-title">Look inside while it reads</h2>
      <div class="looking-columns">
        <div class="reader">
          <div class="view-options">
            <Choice
              label="Colour by"
              value={shown()}
              options={showsOf(settings.value).map((name) => [name, names[name]!] as const)}
              onChange={(show) => set({ show })}
            />
            {count() > 1 && (
              <Slider
                label={attends ? "Head" : "Unit"}
                {...{ value: unit() + 1, min: 1, max: count(), step: 1, text: `${unit() + 1} of ${count()}` }}
                onChange={(unit) => set({ unit })}
              />
            )}
          </div>
          <Text />
          <p class="legend">
            {legends[shown()] ?? "Blue is positive, orange negative: the unit's value after it has read the character."}{" "}
            Click into the text, or type your own.
          </p>
          {count() > 1 && <UnitMap onChoose={(unit) => set({ unit })} />}
        </div>
        <Bars />
      </div>
    </section>
  );
}

/** The text, with the unit's values behind its characters. */
function Text() {
  const text = reading();
  const now = look.value;
  const follow = ({ currentTarget }: { readonly currentTarget: HTMLTextAreaElement }): void => {
    caret.value = [...currentTarget.value.slice(0, currentTarget.selectionStart)].length;
  };
  return (
    <div class="text">
      <div class="marks" aria-hidden="true">
        {[...text].map((character, i) => {
          const value = now ? valueAt(now, unit(), i) : 0;
          const kind = `${value < 0 ? "minus" : "plus"}${i === caret.value - 1 ? " at" : ""}`;
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: a character is its place
            <span key={i} class={kind} style={{ "--share": Math.min(1, Math.abs(value)).toFixed(2) }}>
              {character}
            </span>
          );
        })}
        {/* The end of a text that ends with a line has a line of its own. */}
        {"\u200b"}
      </div>
      {now?.show === "attention" && <Lines seen={now} />}
      <textarea
        aria-label="A text that the network reads"
        spellcheck={false}
        maxLength={longestRead}
        value={text}
        onInput={(event) => {
          set({ read: event.currentTarget.value });
          follow(event);
        }}
        onSelect={follow}
        onKeyUp={follow}
        onClick={follow}
      />
    </div>
  );
}

import { figure } from "../../bench/report/figures.ts";
import { other, progress } from "./session.ts";
import { climb, type Ladder, limits, type Summary, timesAsFast } from "./summary.ts";

interface Shown {
  readonly summary: Summary;
}

/** How fast this is relative to the chosen other result, in words. */
function Beside({ ratio }: { readonly ratio: number | undefined }) {
  if (ratio === undefined || !Number.isFinite(ratio) || ratio <= 0) return null;
  return <span class="beside">{timesAsFast(ratio)}</span>;
}

/** The adapter's limits, large. */
export function Limits({ summary }: Shown) {
  const rival = other.value?.summary;
  return (
    <section class="card" aria-labelledby="limits-title">
      <h2 id="limits-title">{summary.adapter}</h2>
      {summary.where !== "" && (
        <p class="where">
          {summary.where}, {summary.date.slice(0, 10)}
        </p>
      )}
      <dl class="limits">
        {limits.map(({ key, name, unit, says, more }) => {
          const [own, theirs] = [summary.limits[key], rival?.limits[key]];
          const ratio = own && theirs ? (more ? own / theirs : theirs / own) : undefined;
          return (
            <div key={key}>
              <dt>{name}</dt>
              <dd id={key}>
                <strong>{own === undefined ? "–" : figure(own)}</strong> {unit}
              </dd>
              <dd class="says">{says}</dd>
              <dd>
                <Beside ratio={ratio} />
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

/** Every ladder so far, and the one that is climbed now. */
export function Ladders({ summary }: Shown) {
  const now = progress.value;
  if (summary.ladders.length === 0 && !now) return null;
  return (
    <section class="card" aria-labelledby="ladders-title">
      <h2 id="ladders-title">Kernels, from their definition up</h2>
      <p class="hint">The strong bar is the variant that the engine chooses here.</p>
      <div class="ladders">
        {summary.ladders.map((ladder) => (
          <LadderBars key={ladder.title} ladder={ladder} rival={rivalOf(ladder)} />
        ))}
        {summary.ladders.length === 0 && <p class="hint">Nothing yet.</p>}
      </div>
    </section>
  );
}

const rivalOf = ({ title, unit }: Ladder): Ladder | undefined =>
  other.value?.summary.ladders.find((each) => each.title === title && each.unit === unit);

function LadderBars({ ladder, rival }: { readonly ladder: Ladder; readonly rival: Ladder | undefined }) {
  const { title, unit, rungs } = ladder;
  const most = Math.max(...[...rungs, ...(rival?.rungs ?? [])].map(({ rate }) => rate));
  const times = climb(ladder);
  return (
    <div class="ladder">
      <h3>{title}</h3>
      <ul>
        {rungs.map(({ variant, chosen, rate }) => {
          const theirs = rival?.rungs.find((rung) => rung.variant === variant)?.rate;
          return (
            <li key={variant} class={chosen ? "chosen" : undefined}>
              <span class="name">{variant}</span>
              <span class="track" aria-hidden="true">
                <i style={{ "--share": String(rate / most) }} />
                {theirs !== undefined && <i class="theirs" style={{ "--share": String(theirs / most) }} />}
              </span>
              <span class="value">{rate > 0 ? figure(rate) : "wrong"}</span>
            </li>
          );
        })}
      </ul>
      <p class="hint">
        {unit}
        {times !== undefined && `; the engine's choice is ${figure(times)} × the definition`}
      </p>
    </div>
  );
}

/** The training steps so far. */
export function Steps({ summary: { steps } }: Shown) {
  const rivals = other.value?.summary.steps ?? [];
  if (steps.length === 0) return null;
  const longest = Math.max(...[...steps, ...rivals].map(({ ms }) => ms));
  const share = (ms: number): string => String(Math.max(0, 1 + Math.log10(ms / longest) / 4));
  return (
    <section class="card" aria-labelledby="steps-title">
      <h2 id="steps-title">Training steps</h2>
      <p class="hint">Milliseconds a step; shorter is better. The bars are logarithmic.</p>
      <ul class="steps">
        {steps.map(({ name, ms }) => {
          const theirs = rivals.find((step) => step.name === name)?.ms;
          return (
            <li key={name}>
              <span class="name">{name}</span>
              <span class="track" aria-hidden="true">
                <i style={{ "--share": share(ms) }} />
                {theirs !== undefined && <i class="theirs" style={{ "--share": share(theirs) }} />}
              </span>
              <span class="value">{figure(ms)} ms</span>
              <Beside ratio={theirs === undefined ? undefined : theirs / ms} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

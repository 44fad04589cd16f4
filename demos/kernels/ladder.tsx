import { signal } from "@preact/signals";
import { digits, percent, timeOf, wrongValue } from "./format.ts";
import { connection } from "./gpu.ts";
import { type Ladder, type Outcome, timed } from "./rows.ts";
import { sentenceOf } from "./rungs.ts";
import * as session from "./session.ts";

const { outcomes, show, shown } = session;

type Variant = Ladder["variants"][number];

/** Variants that cannot run here keep their places up to this number; more are folded. */
const mostUnable = 2;
/** Whether a visitor opened them or closed them. */
const open = signal<boolean | undefined>(undefined);

/** The variants of a family, from its definition, with what came of each. */
export function LadderTable() {
  const ladder = session.ladder.value;
  if (!ladder) return null;
  const msOf = (outcome: Outcome | undefined): number | undefined => timed(outcome, undefined)?.ms;
  const naiveMs = msOf(outcomes.value.get("naive"));
  const fastest = Math.min(...[...outcomes.value.values()].map((outcome) => msOf(outcome) ?? Number.POSITIVE_INFINITY));
  const { family } = session.work.value;
  const all = ladder.variants;
  const unable = all.filter(({ lacks }) => lacks !== undefined);
  const folded = unable.length > mostUnable ? unable : [];
  const isOpen = open.value ?? folded.some(({ variant }) => variant === shown.value);
  const row = ({ variant, lacks }: Variant) => (
    <tr key={variant} class={variant === shown.value ? "shown" : undefined} data-variant={variant}>
      <th scope="row">
        <label class="choice">
          <input
            class="pick"
            type="radio"
            name="variant"
            checked={variant === shown.value}
            onChange={() => show({ variant, kernel: 0 })}
          />{" "}
          <span class="name">{variant}</span>
          {variant === ladder.chosen && <span class="tag">the engine’s choice</span>}
        </label>
        <p class="sentence">{sentenceOf(family, variant)}</p>
      </th>
      <Figures
        {...{ lacks, naiveMs, fastest }}
        isMeasured={outcomes.value.has(variant)}
        outcome={outcomes.value.get(variant)}
      />
    </tr>
  );
  return (
    <section class="card ladder" aria-labelledby="ladder-title">
      <div class="card-head">
        <h2 id="ladder-title">The ladder</h2>
        <p>
          From the definition up, in <code>{ladder.source}</code>
        </p>
        <button
          type="button"
          class="link to-text"
          onClick={() => document.getElementById("source-title")?.scrollIntoView()}
        >
          To its text, to edit it
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on narrow screens */}
      <section class="scroll" tabIndex={0} aria-label="Table of variants">
        <table>
          <thead>
            <tr>
              <th scope="col">Variant</th>
              <th scope="col">Largest error</th>
              <th scope="col">Median</th>
              <th scope="col">Spread</th>
              <th scope="col">Runs</th>
              <th scope="col">GFLOP/s</th>
              <th scope="col">GB/s</th>
              <th scope="col">× naive</th>
              <th scope="col">Of roofline</th>
            </tr>
          </thead>
          <tbody>
            {all.filter((variant) => !folded.includes(variant)).map(row)}
            {folded.length > 0 && (
              <tr class="more">
                <td class="words" colSpan={9}>
                  <button
                    type="button"
                    class="link"
                    aria-expanded={isOpen}
                    onClick={() => {
                      open.value = !isOpen;
                    }}
                  >
                    {folded.length} of {all.length} variants cannot run here
                  </button>
                </td>
              </tr>
            )}
            {isOpen && folded.map(row)}
            {outcomes.value.has(session.own) && (
              <tr class="own" data-variant="own">
                <th scope="row">
                  <span class="name">Your text</span>
                  <p class="sentence">
                    In place of kernel {settingsKernel()} of {shown.value}.
                  </p>
                </th>
                <Figures {...{ naiveMs, fastest }} isMeasured outcome={outcomes.value.get(session.own)} />
              </tr>
            )}
          </tbody>
        </table>
      </section>
      <Notes />
    </section>
  );
}

const settingsKernel = (): number => session.settings.value.kernel + 1;

interface FiguresProps {
  readonly lacks?: string | undefined;
  readonly isMeasured: boolean;
  readonly outcome: Outcome | undefined;
  readonly naiveMs: number | undefined;
  readonly fastest: number;
}

/** The cells of a row. */
function Figures({ lacks, isMeasured, outcome, naiveMs, fastest }: FiguresProps) {
  if (lacks !== undefined) return <Words kind="lacks">Cannot run here: it needs {lacks}.</Words>;
  if (!outcome) return <Words kind="waits">{isMeasured ? "Measuring …" : "–"}</Words>;
  if (outcome.state === "absent") return <Words kind="lacks">Does not fit these sizes.</Words>;
  if (outcome.state === "failed") return <Words kind="fault">{outcome.message}</Words>;
  if (outcome.state === "endless")
    return (
      <Words kind="fault">
        The loop at line {outcome.line} turned more than a million times. It was ended, and the kernel not timed.
      </Words>
    );
  if (outcome.state === "wrong")
    return <Words kind="fault">Wrong, so not timed: {wrongValue(outcome.comparison.wrong!)}.</Words>;
  const { comparison, stepMs } = outcome;
  const time = timed(outcome, session.roof.value);
  const right = (
    <td class="right" data-label="Error">
      {comparison.largestError === 0 ? "0" : comparison.largestError.toExponential(1)}
      <span class="visually-hidden"> right</span>
    </td>
  );
  if (!time)
    return (
      <>
        {right}
        <td class="words" colSpan={7}>
          Too short for this clock, which moves in steps of{" "}
          {Number.isFinite(stepMs) ? timeOf(stepMs) : "more than 10 ms"}.
        </td>
      </>
    );
  const times = naiveMs === undefined ? undefined : naiveMs / time.ms;
  return (
    <>
      {right}
      <td class={time.ms === fastest ? "best" : undefined} data-label="Median">
        {timeOf(time.ms)}
      </td>
      <td data-label="Spread">{time.spread === null ? "–" : `± ${percent(time.spread)}`}</td>
      <td data-label="Runs">
        {time.samples} × {time.runs.toLocaleString("en-US")}
      </td>
      <td data-label="GFLOP/s">{time.flops === 0 ? "–" : digits(time.gflops)}</td>
      <td data-label="GB/s">{digits(time.gbPerSec)}</td>
      <td data-label="× naive">{times === undefined ? "–" : digits(times)}</td>
      <td data-label="Of roofline">{time.ofRoofline !== undefined && <Share of={time.ofRoofline} />}</td>
    </>
  );
}

function Share({ of }: { readonly of: number }) {
  return (
    <>
      <svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="all" width="100" height="8" />
        <rect width={Math.min(100, 100 * of)} height="8" />
      </svg>
      <span class="part">{percent(of)}</span>
    </>
  );
}

function Words({ kind, children }: { readonly kind: string; readonly children: preact.ComponentChildren }) {
  return (
    <td class={`words ${kind}`} colSpan={8}>
      {children}
    </td>
  );
}

/** How to read the figures. */
function Notes() {
  const [timed] = [...outcomes.value.values()].flatMap((outcome) => (outcome?.state === "right" ? [outcome] : []));
  const nan = [...outcomes.value.values()].flatMap((outcome) =>
    outcome && "comparison" in outcome && outcome.comparison.notNumbers > 0 ? [outcome.comparison.notNumbers] : [],
  )[0];
  const clock = connection.value?.about.clock === "gpu" ? "GPU’s clock" : "page’s clock";
  return (
    <p class="notes">
      Each result is compared with float64 arithmetic on the processor before anything is timed; the error is relative
      to the largest value. Times are medians of samples, each of many runs in one pass, by the {clock}
      {timed && `, which moves in steps of ${Number.isFinite(timed.stepMs) ? timeOf(timed.stepMs) : "more than 10 ms"}`}
      . Spread is the median distance from the median.
      {nan !== undefined &&
        ` ${nan.toLocaleString("en-US")} results are NaN in the reference: of these nothing is promised, but all others must be right.`}
    </p>
  );
}

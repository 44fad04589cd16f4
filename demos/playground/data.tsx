import { Choice, Slider } from "../parts/controls.tsx";
import { Loaded } from "./loaded.tsx";
import { names } from "./names.ts";
import { noPoints } from "./own.ts";
import { drawn, type Problem, type Samples, samples } from "./problems.ts";
import { changeShared, shared } from "./session.ts";
import { splits } from "./settings.ts";
import { shows } from "./shows.ts";
import { Points } from "./surface.tsx";

const brushTools = () => import("./brush-tools.tsx");

/** The points: which, how noisy, how many to train on. */
export function Data() {
  const { problem, noise, split } = shared.value;
  if (!shows("problems") && !shows("points")) return null;
  return (
    <section class="card data" aria-labelledby="data-title">
      <h2 id="data-title">Data</h2>
      {shows("problems") && (
        <fieldset class="problems">
          <legend class="visually-hidden">Problem</legend>
          {drawn.map((name) => (
            <ProblemChoice key={name} problem={name} kind="problem" />
          ))}
          <ProblemChoice problem="own" kind="problem own" />
        </fieldset>
      )}
      {problem === "own" && <Loaded load={brushTools} />}
      {shows("points") && (
        <>
          {problem !== "own" && (
            <Slider
              label="Noise"
              {...{ value: noise, min: 0, max: 50, step: 5, text: `${noise} %` }}
              onChange={(noise) => changeShared({ noise })}
            />
          )}
          <Choice
            label="Points to train on"
            value={split}
            options={splits.map((value) => [value, `${value} %`] as const)}
            onChange={(split) => changeShared({ split })}
          />
        </>
      )}
    </section>
  );
}

const sketches = new Map<Problem, Samples>(
  drawn.map((problem) => [problem, samples({ problem, noise: 0, split: 100, seed: 1, own: noPoints })] as const),
);

const ProblemChoice = ({ problem, kind }: { readonly problem: Problem; readonly kind: string }) => (
  <label class={kind}>
    <input
      type="radio"
      name="problem"
      checked={problem === shared.value.problem}
      onChange={() => changeShared({ problem })}
    />
    {problem !== "own" && <Points samples={sketches.get(problem)!} />}
    <span>{names[problem]}</span>
  </label>
);

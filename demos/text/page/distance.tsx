import { Chart } from "./chart.tsx";
import { reaches } from "./inside.ts";
import { names } from "./names.ts";
import { block, stepsText, validateEvery } from "./pace.ts";
import { settings } from "./session.ts";

/** The gradient through time: how much of it reaches characters further back. */
export function Distance() {
  const { model } = settings.value;
  const all = [...reaches.value];
  const found = all.flatMap(([, { norms }]) => norms.filter((norm) => norm > 0));
  const most = 10 ** Math.ceil(Math.log10(Math.max(1e-3, ...found)));
  const least = Math.min(most / 1000, Math.max(1e-12, 10 ** Math.floor(Math.log10(Math.min(...found, most)))));
  const last = Math.max(1, ...all.map(([, { norms }]) => norms.length - 1));
  return (
    <section class="card distance" aria-labelledby="distance-title">
      <h2 id="distance-title">The gradient through time</h2>
      <ul class="networks">
        {all.map(([name, { step, norms }]) => (
          <li key={name} class={`${name}${name === model ? " now" : ""}`} id={`reach-${name}`}>
            {names[name]}, {stepsText(step)}: {ratio(norms)}
          </li>
        ))}
      </ul>
      {all.length === 0 && (
        <p class="legend">
          A line will show here how much of the gradient reaches each character further back. It is measured after{" "}
          {block} steps, and then every {validateEvery}.
        </p>
      )}
      <Chart
        label="Norm of the gradient by distance from the last character, on a logarithmic axis"
        unit="characters back"
        last={last}
        range={[least, most]}
        lines={all.map(([name, { norms }]) => ({ kind: name, x: norms.map((_, d) => d), y: norms }))}
      />
      <p class="legend">
        How strongly the loss of the last character depends on each character before it: the norm of its gradient, a
        mean over held-out texts. Where the line falls fast, the network cannot learn from what was long ago. Choose
        another network to compare: its line joins these.
      </p>
    </section>
  );
}

/** How much of the gradient is left at the far end, as a power of ten. */
function ratio(norms: readonly number[]): string {
  const [digits, exponent] = (norms.at(-1)! / norms[0]!).toExponential(1).split("e") as [string, string];
  const raised = [...exponent.replace("+", "")].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)]));
  return `${digits} · 10${raised.join("")} left after ${norms.length - 1}`;
}

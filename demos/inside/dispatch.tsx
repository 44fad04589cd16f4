import { boundOf, type Recording } from "../../src/recording/index.ts";
import { Fact, Facts, TensorLink } from "./facts.tsx";
import { change, pick } from "./session.ts";
import { TensorPanel } from "./tensor.tsx";
import { highlight } from "./wgsl.ts";
import { amount, bytes, percent, short, time } from "./words.ts";

const reasons = {
  arithmetic: "bound by arithmetic: its operations at full speed take longest",
  memory: "bound by memory: moving its bytes takes longest",
  dispatch: "bound by the dispatch itself: it has too little work to matter",
} as const;

/** Why a dispatch runs as it does, what bounds it, and its WGSL. */
export function DispatchPanel({ recording, at }: { readonly recording: Recording; readonly at: number }) {
  const { dispatches, timings, ceilings, tensors, graph } = recording;
  const {
    label,
    layer,
    family,
    variant,
    source,
    workgroups,
    flops,
    bytes: moved,
    choices,
    wgsl,
    bindings,
  } = dispatches[at]!;
  const span = timings.gpu?.spans[at];
  const ms = span && span[1] - span[0];
  const bound = ceilings && boundOf({ flops, bytes: moved }, ceilings, ms);
  const nodes = graph ? [...graph.lowered.keys()].filter((i) => graph.lowered[i]!.dispatch === at) : [];
  const writes = [...new Set(bindings.flatMap((binding) => binding.writes))];
  return (
    <>
      <p class="kind">Dispatch {at}</p>
      <h2>{label}</h2>
      <Facts>
        {layer && <Fact name="Layer">{layer}</Fact>}
        <Fact name="Kernel">
          {family}, {variant}
        </Fact>
        {source && <Fact name="Source">{source}</Fact>}
        <Fact name="Workgroups">{workgroups.join(" × ")}</Fact>
        <Fact name="Operations">{amount(flops)}</Fact>
        <Fact name="Bytes">{bytes(moved)}</Fact>
        <Fact name="Time">
          {ms === undefined ? "unknown: no clock" : `${time(ms)} ± ${time(timings.gpu!.resolutionMs)}`}
        </Fact>
        {ms ? (
          <Fact name="Speed">
            {short(flops / ms / 1e6)} GFLOP/s, {short(moved / ms / 1e6)} GB/s
          </Fact>
        ) : undefined}
        <Fact name="Roofline">
          {bound
            ? `${reasons[bound.by]}, ${time(bound.leastMs)}${bound.share === undefined ? "" : `; that is ${percent(bound.share)} of the measured time`}`
            : `${(flops / Math.max(1, moved)).toPrecision(2)} operations per byte. The recording has no ceilings of its adapter to compare with.`}
        </Fact>
      </Facts>
      {choices.map((choice) => (
        <Why key={choice.problem} choice={choice} />
      ))}
      {choices.length === 0 && <p class="note">There was no variant to choose.</p>}
      <h3>Bindings</h3>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Buffer</th>
              <th scope="col">Access</th>
              <th scope="col">Tensors</th>
            </tr>
          </thead>
          <tbody>
            {bindings.map(({ role, access, buffer, offset, size, reads, writes }) => (
              <tr key={`${buffer}+${offset}`}>
                <td>
                  <button type="button" class="link" onClick={() => pick("buffer", buffer)}>
                    {role}
                  </button>{" "}
                  {bytes(size)}
                </td>
                <td>{access === "read" ? "read" : reads.length > 0 ? "read, write" : "write"}</td>
                <td>
                  {[...new Set([...reads, ...writes])].map((tensor) => (
                    <TensorLink key={tensor} tensors={tensors} at={tensor} />
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {nodes.length > 0 && (
        <>
          <h3>Kernels in it</h3>
          <ul class="plain">
            {nodes.map((node) => (
              <li key={node}>
                <button
                  type="button"
                  class="link"
                  onClick={() => change({ stage: "lowered", pick: { kind: "node", at: node } })}
                >
                  {graph!.lowered[node]!.name}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {writes.slice(0, 4).map((tensor) => (
        <TensorPanel key={tensor} recording={recording} at={tensor} isPart />
      ))}
      <h3>WGSL</h3>
      <Wgsl text={wgsl} />
    </>
  );
}

function Why({
  choice: { problem, chosen, by, variants },
}: {
  readonly choice: Recording["dispatches"][number]["choices"][number];
}) {
  const why = {
    force: "it was forced",
    measurement: "it was measured to be the fastest here",
    score: "it has the highest score",
  };
  return (
    <>
      <h3>
        Why {chosen}: {why[by]}
      </h3>
      <p class="note">{problem}</p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Variant</th>
              <th scope="col">Score</th>
              <th scope="col">Measured</th>
            </tr>
          </thead>
          <tbody>
            {variants.map(({ variant, score, ms, lacks }) => (
              <tr key={variant} class={variant === chosen ? "chosen" : ""}>
                <th scope="row">{variant}</th>
                <td>{lacks ? `does not fit: ${lacks}` : score === undefined ? "" : short(score)}</td>
                <td>{ms === undefined ? "" : ms === null ? "wrong results" : time(ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const Wgsl = ({ text }: { readonly text: string }) => (
  <pre class="code wgsl" role="group" tabindex={0} aria-label="WGSL of the dispatch">
    {highlight(text).map((piece, i) =>
      piece.kind ? (
        <span key={i} class={piece.kind}>
          {piece.text}
        </span>
      ) : (
        piece.text
      ),
    )}
  </pre>
);

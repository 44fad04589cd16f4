import type { ComponentChildren } from "preact";
import { boundOf, type Recording } from "../../src/recording/index.ts";
import { stages } from "./links.ts";
import { address, change, links, pick, picked } from "./session.ts";
import { TensorPanel } from "./tensor.tsx";
import { highlight } from "./wgsl.ts";
import { amount, bytes, percent, shapeOf, short, time } from "./words.ts";

/** What is picked, in detail. */
export function Panel({ recording }: { readonly recording: Recording }) {
  const now = picked.value;
  return (
    <aside class="card panel" aria-label="Details of what is picked">
      {!now && (
        <>
          <h2>Pick something</h2>
          <p class="note">
            Click a dispatch in the timeline, a buffer in the memory or a node of the graph. With the keyboard: arrow
            keys in the timeline, Tab and Enter elsewhere.
          </p>
          <Outputs recording={recording} />
        </>
      )}
      {now?.kind === "dispatch" && <DispatchPanel recording={recording} at={now.at} />}
      {now?.kind === "buffer" && <BufferPanel recording={recording} at={now.at} />}
      {now?.kind === "node" && <NodePanel recording={recording} at={now.at} />}
      {now?.kind === "tensor" && <TensorPanel recording={recording} at={now.at} />}
    </aside>
  );
}

function Outputs({ recording: { outputs, tensors } }: { readonly recording: Recording }) {
  return (
    <Facts>
      {outputs.map(({ name, tensor }) => (
        <Fact key={name} name={`Output ${name}`}>
          <TensorLink tensors={tensors} at={tensor} />
        </Fact>
      ))}
    </Facts>
  );
}

export const Facts = ({ children }: { readonly children: ComponentChildren }) => <dl class="facts">{children}</dl>;

export const Fact = ({ name, children }: { readonly name: string; readonly children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

function TensorLink({ tensors, at }: { readonly tensors: Recording["tensors"]; readonly at: number }) {
  const { name, shape, kind } = tensors[at]!;
  return (
    <button type="button" class="link" onClick={() => pick("tensor", at)}>
      {name}
      {kind === "updated" ? "′" : ""} {shapeOf(shape)}
    </button>
  );
}

export const DispatchLink = ({ recording, at }: { readonly recording: Recording; readonly at: number }) => (
  <button type="button" class="link" onClick={() => pick("dispatch", at)}>
    {at}: {recording.dispatches[at]!.label}
  </button>
);

const reasons = {
  arithmetic: "bound by arithmetic: its operations at full speed take longest",
  memory: "bound by memory: moving its bytes takes longest",
  dispatch: "bound by the dispatch itself: it has too little work to matter",
} as const;

function DispatchPanel({ recording, at }: { readonly recording: Recording; readonly at: number }) {
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
          {ms === undefined ? "unknown: no GPU clock" : `${time(ms)} ± ${time(timings.gpu!.resolutionMs)}`}
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

function BufferPanel({ recording, at }: { readonly recording: Recording; readonly at: number }) {
  const { memory, tensors } = recording;
  const { role, kind, bytes: size, first, last, slot, maker } = memory.buffers[at]!;
  const mates =
    slot === null ? [] : [...memory.buffers.keys()].filter((i) => i !== at && memory.buffers[i]!.slot === slot);
  const held = [...tensors.keys()].filter((i) => tensors[i]!.buffer === at);
  return (
    <>
      <p class="kind">Buffer</p>
      <h2>{role}</h2>
      <Facts>
        <Fact name="Kind">{kind}</Fact>
        <Fact name="Size">{bytes(size)}</Fact>
        <Fact name="Life">
          {last === null
            ? slot === null
              ? "longer than the run"
              : `from dispatch ${first} until the next run`
            : `dispatches ${first} to ${last}`}
        </Fact>
        <Fact name="Maker">
          {maker === null ? "no dispatch writes it" : <DispatchLink recording={recording} at={maker} />}
        </Fact>
        {slot !== null && (
          <Fact name="Shares memory with">
            {mates.length === 0
              ? "no other buffer"
              : mates.map((mate) => (
                  <button key={mate} type="button" class="link" onClick={() => pick("buffer", mate)}>
                    {memory.buffers[mate]!.role}
                  </button>
                ))}
          </Fact>
        )}
      </Facts>
      <h3>Tensors in it</h3>
      <ul class="plain">
        {held.map((tensor) => (
          <li key={tensor}>
            <TensorLink tensors={tensors} at={tensor} />
          </li>
        ))}
      </ul>
    </>
  );
}

function NodePanel({ recording, at }: { readonly recording: Recording; readonly at: number }) {
  const { stage } = address.value;
  const all = links.value!;
  const { nodes, forwards, gradients, becomes } = all[stage];
  const node = nodes[at]!;
  const place = stages.indexOf(stage);
  const list = (name: string, of: (typeof stages)[number] | undefined, places: readonly number[]) =>
    of !== undefined &&
    places.length > 0 && (
      <Fact name={name}>
        {places.map((i) => (
          <button
            key={i}
            type="button"
            class="link"
            onClick={() => change({ stage: of, pick: { kind: "node", at: i } })}
          >
            {all[of].nodes[i]!.name ?? all[of].nodes[i]!.op}
          </button>
        ))}
      </Fact>
    );
  const attrs = Object.entries(node.attrs).filter(([key]) => !["name", "shape", "dtype"].includes(key));
  return (
    <>
      <p class="kind">{node.inputs.length === 0 && stage !== "lowered" ? node.op : `${node.op}, ${stage}`}</p>
      <h2>{node.name ?? node.op}</h2>
      <Facts>
        {node.layer && <Fact name="Layer">{node.layer}</Fact>}
        {attrs.map(([key, value]) => (
          <Fact key={key} name={key}>
            {typeof value === "string" ? value : JSON.stringify(value)}
          </Fact>
        ))}
        {node.before && <Fact name="Computes its first input">{node.before}</Fact>}
        {node.after && (
          <Fact name={node.op === "foreach" || node.op === "fused" ? "Formula" : "Then"}>{node.after}</Fact>
        )}
        {node.dispatch !== undefined && (
          <Fact name="Dispatch">
            <DispatchLink recording={recording} at={node.dispatch} />
          </Fact>
        )}
        {list("Reads", stage, [...new Set(node.inputs.map((input) => input.node))])}
        {list(
          "Read by",
          stage,
          [...nodes.keys()].filter((i) => nodes[i]!.inputs.some((input) => input.node === at)),
        )}
        {list("Gradient of", stage, forwards[at]!)}
        {list("Its gradient", stage, gradients[at]!)}
        {list(`From, ${stages[place - 1]}`, stages[place - 1], node.from)}
        {list(`Becomes, ${stages[place + 1]}`, stages[place + 1], becomes[at]!)}
        {node.results.map(({ shape, dtype, tensor, strides, offset }, i) => (
          <Fact key={i} name={node.results.length > 1 ? `Result ${i}` : "Result"}>
            {dtype} {shapeOf(shape)}
            {tensor !== undefined ? (
              <>
                {" "}
                in <TensorLink tensors={recording.tensors} at={tensor} />
              </>
            ) : (
              ", not in memory: part of a kernel, or not needed"
            )}
            {strides && `, with strides ${shapeOf(strides)}${offset ? ` from ${offset}` : ""}`}
          </Fact>
        ))}
      </Facts>
      {node.results.length === 1 && node.results[0]!.tensor !== undefined && (
        <TensorPanel recording={recording} at={node.results[0]!.tensor} isPart />
      )}
    </>
  );
}

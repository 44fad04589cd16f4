import { useEffect, useRef } from "preact/hooks";
import type { Recording } from "../../src/recording/index.ts";
import { DispatchPanel } from "./dispatch.tsx";
import { DispatchLink, Fact, Facts, TensorLink } from "./facts.tsx";
import { stages } from "./links.ts";
import { address, change, isBroken, links, pick, picked } from "./session.ts";
import { TensorPanel } from "./tensor.tsx";
import { bytes, shapeOf } from "./words.ts";

/** What is picked, in detail. */
export function Panel({ recording }: { readonly recording: Recording }) {
  const now = picked.value;
  const panel = useRef<HTMLElement>(null);
  const asked = address.value.pick;
  const before = useRef(asked);
  // What was picked is shown from its beginning, also where the panel is below what one picks from.
  useEffect(() => {
    if (asked === before.current) return;
    before.current = asked;
    panel.current!.scrollTop = 0;
    const { top, bottom } = panel.current!.getBoundingClientRect();
    if (asked && (top > innerHeight - 80 || bottom < 80)) panel.current!.scrollIntoView();
  }, [asked]);
  return (
    <aside ref={panel} class="card panel" aria-label="Details of what is picked">
      {!now && (
        <>
          <h2>Pick something</h2>
          <p class="note">
            Click a dispatch in the timeline, a buffer in the memory or a node of the graph. With the keyboard: arrow
            keys in the timeline, Tab and Enter elsewhere.
          </p>
          <Outputs recording={recording} />
          <Broken recording={recording} />
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

/** Tensors with elements that are not finite, from the first on: the one where it began. */
function Broken({ recording: { tensors } }: { readonly recording: Recording }) {
  const all = [...tensors.keys()]
    .filter((at) => isBroken(tensors[at]!))
    .sort((a, b) => (tensors[a]!.dispatch ?? -1) - (tensors[b]!.dispatch ?? -1));
  if (all.length === 0) return null;
  return (
    <>
      <h3>Not finite</h3>
      <p class="note">
        {all.length === 1 ? "A tensor has" : `${all.length} tensors have`} elements that are NaN or infinite. In the
        order of the step:
      </p>
      <ol class="plain" id="broken">
        {all.map((at) => (
          <li key={at}>
            <TensorLink tensors={tensors} at={at} />
          </li>
        ))}
      </ol>
    </>
  );
}

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
            {typeof value === "string" ? value : JSON.stringify(value).replaceAll(/-(?=\d)/g, "−")}
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

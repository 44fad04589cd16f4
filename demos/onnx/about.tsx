import { Figure } from "../parts/figure.tsx";
import type { Port } from "./lab.ts";
import type { Opened } from "./session.ts";

/** Ops, outputs and texts that are listed at most. */
const most = { ops: 30, outputs: 20, texts: 12, letters: 160 } as const;

const count = (value: number): string => value.toLocaleString("en-US");
const counted = (tensors: number): string => `${count(tensors)} ${tensors === 1 ? "tensor" : "tensors"}`;

/** What a file says of its model. */
export function AboutCard({ name, about }: Opened) {
  const { producer, opset, nodes, ops, tensors, numbers, inputs, outputs, metadata } = about;
  return (
    <section class="card about" aria-labelledby="about-title">
      <h2 id="about-title">{name}</h2>
      <dl class="figures">
        <Figure id="producer" name="Written by" value={producer || "unknown"} />
        <Figure id="opset" name="Opset" value={String(opset)} />
        <Figure id="nodes" name="Nodes" value={count(nodes)} />
        <Figure
          id="weights"
          name="Weights"
          value={tensors === 0 ? "none" : `${count(numbers)} in ${counted(tensors)}`}
        />
      </dl>
      <dl class="facts">
        <dt>Inputs</dt>
        <Ports ports={inputs} />
        <dt>Outputs</dt>
        <Ports ports={outputs.slice(0, most.outputs)} />
        <dt>Ops</dt>
        <dd id="ops">
          {ops
            .slice(0, most.ops)
            .map(([op, times]) => (times > 1 ? `${op} × ${count(times)}` : op))
            .join(", ")}
          {ops.length > most.ops && ` and ${ops.length - most.ops} more`}
        </dd>
        {metadata.slice(0, most.texts).map(([key, text]) => (
          <Text key={key} name={key} text={text} />
        ))}
      </dl>
    </section>
  );
}

function Ports({ ports }: { readonly ports: readonly Port[] }) {
  return (
    <dd>
      {ports.map((port) => (
        <div key={port.name}>
          <code>{port.name}</code> {dimsOf(port)}
        </div>
      ))}
      {ports.length === 0 && "none"}
    </dd>
  );
}

const Text = ({ name, text }: { readonly name: string; readonly text: string }) => (
  <>
    <dt>{name}</dt>
    <dd>{text.length > most.letters ? `${text.slice(0, most.letters)}…` : text}</dd>
  </>
);

/** A shape as the file states it. */
export const dimsOf = ({ dims }: Port): string =>
  dims ? `[${dims.map((dim) => (dim === "" ? "?" : dim)).join(", ")}]` : "of any shape";

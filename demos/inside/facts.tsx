import type { ComponentChildren } from "preact";
import type { Recording } from "../../src/recording/index.ts";
import { pick } from "./session.ts";
import { shapeOf } from "./words.ts";

export const Facts = ({ children }: { readonly children: ComponentChildren }) => <dl class="facts">{children}</dl>;

export const Fact = ({ name, children }: { readonly name: string; readonly children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** A tensor that can be picked. */
export function TensorLink({ tensors, at }: { readonly tensors: Recording["tensors"]; readonly at: number }) {
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

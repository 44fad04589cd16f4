import { useEffect, useRef } from "preact/hooks";
import { looks, paint } from "./colors.ts";
import { reach, type Samples } from "./problems.ts";

/** Values over the plane, for the eye: what it stands on has a name for screen readers. */
export function Surface({ values }: { readonly values: Float32Array }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours may have changed
  useEffect(() => paint(canvas.current!, values), [values, looks.value]);
  return <canvas class="surface" ref={canvas} />;
}

/** The points of a problem: those to train on filled, the others as rings. */
export function Points({ samples: { x, y, train } }: { readonly samples: Samples }) {
  return (
    <svg class="points" viewBox={`${-reach} ${-reach} ${2 * reach} ${2 * reach}`} aria-hidden="true">
      {Array.from(y, (value, i) => (
        <circle
          // biome-ignore lint/suspicious/noArrayIndexKey: a point is its place
          key={i}
          class={`${value > 0 ? "plus" : "minus"} ${i < train ? "train" : "test"}`}
          style={{ "--size": Math.min(1, Math.abs(value)).toFixed(2) }}
          cx={x[2 * i]}
          cy={-x[2 * i + 1]!}
          r={0.075}
        />
      ))}
    </svg>
  );
}

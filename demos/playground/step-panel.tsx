import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { KernelInfo } from "../../src/index.ts";
import { Code } from "../parts/code.tsx";
import { chosen, frame, inspect, settings } from "./session.ts";
import { layerName } from "./values.ts";

/** The dispatches of one training step, and their shaders. */
export default function StepPanel() {
  const kernels = useSignal<readonly KernelInfo[]>([]);
  const chosenKernel = useSignal(0);
  // The programs change with the settings: frames come after they have.
  const { sizes } = frame.value ?? { sizes: [] };
  const program = JSON.stringify([settings.value, sizes.join(), chosen.value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asks again when the program may have changed
  useEffect(() => {
    void inspect().then((found) => {
      kernels.value = found;
    });
  }, [program]);
  const all = kernels.value;
  const shown = all[Math.min(chosenKernel.value, all.length - 1)];
  const layers = sizes.slice(1).map((_, i) => layerName(i, sizes.length - 1));
  const select = (i: number): void => {
    chosenKernel.value = i;
  };
  const total = (key: "flops" | "bytes"): number => all.reduce((sum, kernel) => sum + kernel[key], 0);
  return (
    <section class="card panel" aria-labelledby="panel-title">
      <h2 id="panel-title">One training step</h2>
      <p class="hint">
        {all.length} dispatches, {count(total("flops"))} operations, {count(total("bytes"))} bytes moved. Click a layer
        or a dispatch to see its shader.
      </p>
      <p class="buttons">
        {layers.map((layer) => (
          <button
            key={layer}
            type="button"
            class="button small"
            disabled={!all.some((kernel) => isOf(kernel, layer))}
            aria-pressed={shown !== undefined && isOf(shown, layer)}
            onClick={() => select(all.findIndex((kernel) => isOf(kernel, layer)))}
          >
            {layer}
          </button>
        ))}
      </p>
      <div class="step">
        <div class="dispatches">
          <table>
            <thead>
              <tr>
                <th>Dispatch</th>
                <th>Layer</th>
                <th>Operations</th>
                <th>Bytes</th>
              </tr>
            </thead>
            <tbody>
              {all.map((kernel, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a dispatch is its place
                <tr key={i} class={kernel === shown ? "chosen" : undefined}>
                  <td>
                    <button type="button" class="link" aria-pressed={kernel === shown} onClick={() => select(i)}>
                      {kernel.label}
                    </button>
                  </td>
                  <td>{kernel.layer || "–"}</td>
                  <td>{count(kernel.flops)}</td>
                  <td>{count(kernel.bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <Code id="wgsl" label={`Shader of ${shown?.label ?? "no dispatch"}`} text={shown?.wgsl ?? ""} />
      </div>
    </section>
  );
}

/** Whether a dispatch works for a layer: several may share one. */
const isOf = ({ layer }: KernelInfo, name: string): boolean => (layer ?? "").split(/[^\w]+/).includes(name);

const count = (n: number): string => n.toLocaleString("en-US");

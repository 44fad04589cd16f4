import { useState } from "preact/hooks";
import { Choice } from "../parts/controls.tsx";
import { Faults, WgslEditor } from "../parts/wgslEditor.tsx";
import * as replacing from "./replacing.ts";
import { replacement } from "./state.ts";
import type { StepKernel } from "./stepKernels.ts";

/** The kernels of a step, the text of one to change, and what became of it. */
export function KernelEditor() {
  const shown = replacing.shown();
  return (
    <>
      <State />
      {shown && (
        <>
          <div class="options">
            <Choice
              label={`Kernel, of the ${replacing.list.value.length} in a step`}
              value={replacing.list.value.indexOf(shown)}
              options={replacing.list.value.map((one, i) => [i, `${i + 1}. ${titleOf(one)}`] as const)}
              onChange={(i) => replacing.choose(replacing.list.value[i]!)}
            />
            <Choice
              label="Variant"
              value={shown.variant}
              options={shown.variants.map((variant) => [variant, variant] as const)}
              onChange={(variant) => replacing.choose({ ...shown, variant })}
            />
          </div>
          {!replacing.isStarting.value && (
            <Text key={`${titleOf(shown)} ${shown.place} ${shown.variant}`} kernel={shown} />
          )}
        </>
      )}
    </>
  );
}

const titleOf = ({ label, layer }: StepKernel): string => (layer ? `${label}, layer ${layer}` : label);

/** What the training runs, and how fast and how well it learns with it. */
function State() {
  const now = replacement.value;
  const { own, yours } = replacing.figures.value;
  const rows = [
    ["tilegrad’s choice", own],
    ["Yours", yours],
  ] as const;
  return (
    <div class="kernel-state">
      <p id="runs" role="status">
        {now === undefined
          ? "The training runs the kernels that tilegrad chose."
          : now.wgsl === undefined
            ? `The training runs ${now.family}/${now.variant} wherever it fits.`
            : `The training runs your text in place of ${now.family}/${now.variant}, number ${now.place + 1} of its family.`}
      </p>
      {replacing.refusal.value !== undefined && (
        <pre id="refused-kernel" class="refused" role="alert">
          {replacing.refusal.value}
        </pre>
      )}
      {yours && (
        <table id="figures" class="compared">
          <thead>
            <tr>
              <th scope="col">Kernels</th>
              <th scope="col">Images/s</th>
              <th scope="col">Right of test images</th>
              <th scope="col">At step</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, figures]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{figures?.speed === undefined ? "–" : Math.round(figures.speed).toLocaleString("en-US")}</td>
                <td>{figures?.accuracy === undefined ? "–" : `${(100 * figures.accuracy).toFixed(1)} %`}</td>
                <td>{figures === undefined ? "–" : figures.step.toLocaleString("en-US")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

/** The text of a kernel, to change. */
function Text({ kernel }: { readonly kernel: StepKernel }) {
  const [text, setText] = useState(replacing.textOf(kernel) ?? kernel.wgsl);
  /** The editor opens anew with the original. */
  const [opened, setOpened] = useState(0);
  const { network, family, variant, place } = kernel;
  const isOwn = text === kernel.wgsl;
  const use = (): void => void replacing.replace({ network, family, variant, place, ...(!isOwn && { wgsl: text }) });
  return (
    <>
      <WgslEditor key={opened} text={text} onChange={setText} errorsIn={replacing.faultsIn} />
      <Faults faults={replacing.faults.value} />
      <div class="buttons">
        <button
          id="use-kernel"
          type="button"
          class="button primary"
          disabled={(replacing.faults.value?.length ?? 0) > 0}
          onClick={use}
        >
          Train with it
        </button>
        <button
          id="own-kernel"
          type="button"
          class="button"
          disabled={!replacement.value}
          onClick={() => void replacing.replace(undefined)}
        >
          Train with tilegrad’s choice
        </button>
        <button
          type="button"
          class="button"
          disabled={isOwn}
          onClick={() => {
            setText(kernel.wgsl);
            setOpened(opened + 1);
          }}
        >
          Back to the original text
        </button>
        <a class="button" href="../kernels/">
          Kernel lab
        </a>
      </div>
      <p class="note">
        The training goes on where it is; <b>Start over</b> shows the whole climb with your kernel. Test images are read
        with tilegrad’s own kernels, so that their scores stay honest. Nobody checks your text: a loop without an end
        takes the GPU with it. The list has each kernel by itself; when they run, tilegrad puts some of them into one
        dispatch, and so a step has fewer dispatches than kernels.
      </p>
    </>
  );
}

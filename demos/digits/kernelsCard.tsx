import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { ownChoice } from "./settings.ts";
import { kernels, step, subject } from "./state.ts";

/** What shows kernels loads when they are asked for. */
const Editor = signal<ComponentType | undefined>(undefined);

/** The kernels that the training runs, and other ones for it. */
export function KernelsCard() {
  const isOpen = kernels.value.kernel !== undefined;
  useEffect(() => {
    if (isOpen)
      void import("./kernelEditor.tsx").then(({ KernelEditor }) => {
        Editor.value = KernelEditor;
      });
  }, [isOpen]);
  const open = (): void => {
    const family = subject.value === "cnn" ? "conv2d" : "matmul";
    kernels.value = { ...kernels.value, kernel: { network: subject.value, family, variant: ownChoice, place: 0 } };
  };
  return (
    <section class="card kernels" aria-labelledby="kernels-title">
      <h2 id="kernels-title">The kernels that train it</h2>
      <p class="note">
        Each step of the training is a list of small programs for the GPU. Change one while it runs, and watch accuracy
        and speed.
      </p>
      {isOpen ? (
        Editor.value && <Editor.value />
      ) : (
        <button id="open-kernels" type="button" class="button" disabled={step.value === undefined} onClick={open}>
          Show the kernels
        </button>
      )}
    </section>
  );
}

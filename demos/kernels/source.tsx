import { effect, signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { Choice } from "../parts/controls.tsx";
import { inDigits } from "./inDigits.ts";
import * as session from "./session.ts";

const { draft, kernel, settings, shown, sources } = session;

/** The editor loads when there is a draft. */
const Editor = signal<ComponentType | undefined>(undefined);
effect(() => {
  if (!draft.value || Editor.peek()) return;
  void import("./draftEditor.tsx").then(({ DraftEditor }) => {
    Editor.value = DraftEditor;
  });
});

/** The WGSL of the variant that is shown, as the printer writes it, and what the visitor makes of it. */
export function SourceCard() {
  const all = sources.value.get(shown.value);
  if (!all || !kernel.value) return null;
  const { label, workgroups, wgsl } = kernel.value;
  return (
    <section class="card source" aria-labelledby="source-title">
      <div class="card-head">
        <h2 id="source-title">{shown.value} as WGSL</h2>
        <p>
          <code>{label}</code>, {workgroups.join(" × ")} workgroups
        </p>
      </div>
      {all.length > 1 && (
        <Choice
          label={`One of its ${all.length} kernels`}
          value={all.indexOf(kernel.value)}
          options={all.map((each, i) => [i, `${i + 1}. ${each.label}`] as const)}
          onChange={(next) => session.show({ kernel: next })}
        />
      )}
      {draft.value ? (
        Editor.value && <Editor.value key={`${label} ${shown.value}`} />
      ) : (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <section class="code" tabIndex={0} aria-label="WGSL">
            <pre>{wgsl}</pre>
          </section>
          <div class="buttons">
            <button id="edit" type="button" class="button" onClick={session.startDraft}>
              Edit
            </button>
          </div>
        </>
      )}
      <InDigits />
      <p class="notes">
        Whether a kernel is free of races, no run on a GPU can tell. “Edit”, then “Check for races” runs it on the CPU
        and watches what each invocation reads and writes. To step through its threads, open it in{" "}
        <a href="https://github.com/brendan-duncan/webgpu_inspector">webgpu_inspector</a>, which has a debugger for
        shaders.
      </p>
    </section>
  );
}

/** A link to the training of digits with this kernel, and with the visitor's text where that fits. */
function InDigits() {
  const there = inDigits(session.problem.value, session.work.value.family, shown.value);
  if (!there) return null;
  const { text } = settings.value;
  const isOnly = sources.value.get(shown.value)!.length === 1;
  const goes = there.isSame && isOnly && draft.value !== undefined && text !== "";
  const own = goes ? `&use=1&text=${text}` : "";
  return (
    <p class="notes in-digits">
      <a id="in-digits" href={`../digits/#model=${there.network}&dropout=0&kernel=${there.kernel}${own}`}>
        {goes ? "Put your text into the training of digits" : "Change this kernel in the training of digits"}
      </a>
      {goes
        ? " and watch accuracy and speed."
        : there.isSame
          ? ". It runs there as it is here."
          : ". It runs there at other sizes or with other ops: the page opens its text. For shapes named Digits, yours goes along."}
    </p>
  );
}

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { FileButton } from "../parts/files.tsx";
import { mostInAddress, printPoints } from "./own.ts";
import { changeShared } from "./session.ts";
import { pointsOf } from "./table.ts";

const example = "x,y,label\n-1.5,2,red\n2,0.5,blue";

/** Loads points from a file or from pasted text. */
export default function TablePanel() {
  const text = useSignal("");
  const said = useSignal<{ readonly fault: boolean; readonly lines: readonly string[] } | undefined>(undefined);
  const id = useId();
  const take = (): void => {
    try {
      const { task, points, notes } = pointsOf(text.value);
      changeShared({ own: printPoints(task, points) });
      const many = points.length > mostInAddress ? [`More than ${mostInAddress}: too many for the address.`] : [];
      said.value = {
        fault: false,
        lines: [`${points.length} ${points.length === 1 ? "point" : "points"} loaded.`, ...notes, ...many],
      };
    } catch (error) {
      said.value = { fault: true, lines: [(error as Error).message] };
    }
  };
  const open = async (file: File): Promise<void> => {
    try {
      text.value = await file.text();
      take();
    } catch (error) {
      said.value = { fault: true, lines: [`${file.name} cannot be read. ${(error as Error).message}`] };
    }
  };
  return (
    <section class="card panel" aria-labelledby="panel-title">
      <h2 id="panel-title">Load a table</h2>
      <p class="hint">
        Three columns: x, y, and a label. Two different labels make two classes. More labels must be numbers: values to
        predict. The table stays on this computer.
      </p>
      <FileButton name="Open a CSV file" accept=".csv,.tsv,.txt,text/csv" onFiles={([file]) => void open(file!)} />
      <div class="field">
        <label for={`${id}-text`}>Or paste rows</label>
        <textarea
          id={`${id}-text`}
          rows={7}
          spellcheck={false}
          placeholder={example}
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
        />
      </div>
      <p class="buttons">
        <button type="button" class="button primary" disabled={text.value.trim() === ""} onClick={take}>
          Use these points
        </button>
      </p>
      <div role="status">
        {said.value?.lines.map((line) => (
          <p key={line} class={said.value!.fault ? "fault" : "hint"}>
            {line}
          </p>
        ))}
      </div>
    </section>
  );
}

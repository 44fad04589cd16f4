import { useState } from "preact/hooks";
import { download } from "../parts/download.ts";
import { FileButton } from "../parts/files.tsx";
import { Faults, WgslEditor } from "../parts/wgslEditor.tsx";
import { ask } from "./gpu.ts";
import * as session from "./session.ts";

const { draft, faults, kernel, settings } = session;

/** The draft in an editor. */
export function DraftEditor() {
  /** Texts that come from elsewhere, such as a file, open the editor anew. */
  const [opened, setOpened] = useState(0);
  const read = async (file: File): Promise<void> => {
    await session.write(await file.text());
    setOpened(opened + 1);
  };
  const { workgroups, wgsl } = draft.value!;
  const isLong = settings.value.text === "" && wgsl !== kernel.value!.wgsl;
  return (
    <>
      <WgslEditor key={opened} text={wgsl} onChange={session.write} errorsIn={session.faultsIn} />
      <Faults faults={faults.value} />
      <div class="buttons">
        <button
          id="run-draft"
          type="button"
          class="button primary"
          disabled={session.busy.value !== undefined || (faults.value?.length ?? 0) > 0}
          onClick={() => void session.measureDraft()}
        >
          Check and time
        </button>
        <button
          id="find-races"
          type="button"
          class="button"
          disabled={session.busy.value !== undefined || (faults.value?.length ?? 0) > 0}
          onClick={() => void findRaces()}
        >
          Check for races
        </button>
        <button id="drop-draft" type="button" class="button" onClick={session.dropDraft}>
          Back to the original
        </button>
        <button type="button" class="button" onClick={() => download("kernel.wgsl", wgsl)}>
          Save as a file
        </button>
        <FileButton name="Open a file" accept=".wgsl,.txt" onFiles={([file]) => void read(file!)} />
        <fieldset class="groups">
          <legend class="visually-hidden">Workgroups</legend>
          {["x", "y", "z"].map((axis, i) => (
            <input
              key={axis}
              type="number"
              min={1}
              max={65535}
              aria-label={`Workgroups along ${axis}`}
              value={workgroups[i]}
              onChange={({ currentTarget: { value, validity } }) => {
                if (validity.valid && value !== "") session.writeGroups(workgroups.with(i, Number(value)));
              }}
            />
          ))}
          <span>workgroups</span>
        </fieldset>
      </div>
      <Races />
      <p class="notes">
        Bindings stay as they are. The text runs first with a counter in each loop, so that one without an end does not
        take the GPU with it.
        {isLong && " It is too long for a link: save it as a file."}
      </p>
    </>
  );
}

/** Runs the draft on the CPU, each invocation watched. */
async function findRaces(): Promise<void> {
  const isCurrent = session.begin("Looking for races");
  const [problem, variant] = [session.problem.value, session.shown.value];
  const at = session.sources.value.get(variant)!.indexOf(kernel.value!);
  const edit = { ...draft.value!, kernel: at };
  session.races.value = undefined;
  const found = await ask((bench) => bench.races(problem, variant, [edit])).catch((error) => ({
    faults: [(error as Error).message],
    pastEnd: [],
  }));
  if (!isCurrent()) return;
  session.races.value = found;
  session.busy.value = undefined;
}

/** What the race finder says. */
function Races() {
  const { faults, pastEnd } = session.races.value ?? { pastEnd: [] };
  const isPast = pastEnd.length > 0;
  return (
    <div id="races" role="status">
      {faults?.length === 0 && (
        <p class="notes">
          {isPast ? "No races or missed barriers" : "No races, missed barriers or indices out of range"} at these sizes.
        </p>
      )}
      <ul class="faults">
        {faults?.map((message) => (
          <li key={message}>{message}</li>
        ))}
      </ul>
      {isPast && (
        <p class="notes">
          Some invocations load past the end of {pastEnd.join(", ")}: WebGPU makes that safe, as long as their results
          are not stored.
        </p>
      )}
    </div>
  );
}

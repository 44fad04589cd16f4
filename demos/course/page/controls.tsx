import { LookInside } from "../../parts/inside.tsx";
import type { KeptText } from "./keeping.ts";
import { Outputs } from "./outputs.tsx";
import type { CellState, Session, Status } from "./session.ts";

const words: Readonly<Record<Status, string>> = {
  fresh: "",
  waiting: "waits for the cells above",
  running: "runs …",
  ran: "",
  failed: "",
  stale: "not up to date: something above has changed",
};

export interface ControlsProps {
  readonly session: Session;
  readonly cell: CellState;
  /** Opens the editor. */
  readonly onEdit: () => void;
}

/** What stands below a cell's code. */
export function Controls({ session, cell, onEdit }: ControlsProps) {
  const { content, status, text, seconds, hasProgram, isExercise, editor } = cell;
  const isBusy = status.value === "running" || status.value === "waiting";
  const what = `${isExercise ? "exercise" : "cell"} ${content.number}`;
  const time = status.value === "ran" ? `${seconds.value.toFixed(seconds.value < 1 ? 2 : 1)} s` : "";
  // The second click of a double click on Run finds Stop in its place.
  const stopAtOnce = ({ detail }: MouseEvent) => {
    if (detail < 2) session.stop();
  };
  const isSolved = isExercise && session.solved.value.has(content.number);
  return (
    <>
      <div class="cell-bar">
        <span class="cell-number" aria-hidden="true">
          {content.number}
        </span>
        {isBusy ? (
          <button type="button" class="button small" onClick={stopAtOnce} aria-label={`Stop ${what}`}>
            Stop
          </button>
        ) : (
          <button
            type="button"
            class="button small primary"
            onClick={() => void session.run(cell)}
            aria-label={`${isExercise ? "Run and check" : "Run"} ${what}`}
          >
            {isExercise ? "Run and check" : "Run"}
          </button>
        )}
        {!editor.value && (
          <button type="button" class="button small" onClick={onEdit} aria-label={`Edit ${what}`}>
            Edit
          </button>
        )}
        {content.number > 1 && (
          <button
            type="button"
            class="button small"
            disabled={isBusy}
            onClick={() => void session.runAbove(cell)}
            aria-label={`Run all above ${what}`}
          >
            Run all above
          </button>
        )}
        {text.value !== content.code && (
          <button type="button" class="button small" onClick={() => session.reset(cell)} aria-label={`Reset ${what}`}>
            Reset
          </button>
        )}
        {session.means.hasInside && hasProgram.value && (
          <LookInside record={() => session.record(cell)} title={`${session.content.title}, ${what}`} />
        )}
        <span class="state" role="status">
          {isSolved && <span class="solved">solved</span>} {words[status.value] || time}
        </span>
      </div>
      <Older session={session} cell={cell} onEdit={onEdit} />
      <Outputs cell={cell} />
    </>
  );
}

/** What the reader has made of older versions of the cell: the lesson has changed since. */
function Older({ session, cell, onEdit }: ControlsProps) {
  const take = (older: KeptText): void => {
    session.takeOlder(cell, older);
    onEdit();
  };
  return cell.older.value.map((older) => (
    <details class="older" key={older.text}>
      <summary>You edited an older version of this cell</summary>
      <p>
        The lesson has changed since. This is what you wrote; use it in place of the text above, or take lines from it.
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls needs the focus to be scrolled */}
      <pre tabIndex={0}>{older.text}</pre>
      <p class="buttons">
        <button type="button" class="button small" onClick={() => take(older)}>
          Use it here
        </button>
        <button type="button" class="button small" onClick={() => session.discardOlder(cell, older)}>
          Throw it away
        </button>
      </p>
    </details>
  ));
}

import { render } from "preact";
import { sayAdapter } from "./adapter.tsx";
import type { Content, Means } from "./content.ts";
import { Controls } from "./controls.tsx";
import { isTeacher } from "./keeping.ts";
import { type CellState, Session } from "./session.ts";

/** Brings a lesson's page to life: buttons for each cell, and what the lesson runs on. */
export function read(means: Means): void {
  const content = JSON.parse(document.getElementById("content")!.textContent!) as Content;
  const session = new Session(content, means);
  for (const cell of session.cells) {
    const element = document.getElementById(`cell-${cell.content.number}`)!;
    const code = element.querySelector<HTMLElement>(".cell-code")!;
    const edit = async (): Promise<void> => {
      await openEditor(session, cell, code);
      cell.editor.value!.focus();
    };
    // A double click is what readers of other notebooks try.
    code.addEventListener("dblclick", () => void edit());
    render(
      <Controls session={session} cell={cell} onEdit={() => void edit()} />,
      element.querySelector(".cell-controls")!,
    );
    if (cell.text.value !== cell.content.code) void openEditor(session, cell, code);
  }
  const notes = document.querySelector<HTMLDetailsElement>(".notes");
  if (notes && isTeacher()) notes.open = true;
  render(<Bar session={session} />, document.getElementById("bar")!);
  void sayAdapter(document.getElementById("adapter")!);
}

async function openEditor(session: Session, cell: CellState, parent: HTMLElement): Promise<void> {
  if (cell.editor.value) return;
  const { openEditor } = await session.means.loadEditor();
  cell.editor.value ??= openEditor({
    parent,
    text: cell.text.value,
    label: `Code of ${cell.isExercise ? "exercise" : "cell"} ${cell.content.number}`,
    onChange: (text) => session.edit(cell, text),
    onRun: () => void session.run(cell),
  });
}

function Bar({ session }: { readonly session: Session }) {
  const isBusy = session.cells.some(({ status }) => /^(running|waiting)$/.test(status.value));
  const isEdited = session.cells.some(({ text, content }) => text.value !== content.code);
  return (
    <p class="buttons">
      <button type="button" class="button primary" disabled={isBusy} onClick={() => void session.runAll()}>
        Run all cells
      </button>
      {isBusy && (
        <button type="button" class="button" onClick={() => session.stop()}>
          Stop
        </button>
      )}
      {isEdited && (
        <button type="button" class="button" onClick={() => session.cells.forEach((cell) => void session.reset(cell))}>
          Reset all code
        </button>
      )}
    </p>
  );
}

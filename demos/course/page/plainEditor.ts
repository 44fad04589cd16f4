import type { Editor, EditorOptions } from "./editor.ts";

/** An editor that weighs nothing, for files in which each KiB counts. */
export function openEditor({ parent, text, label, onChange, onRun }: EditorOptions): Editor {
  const area = document.createElement("textarea");
  area.className = "plain-editor";
  area.spellcheck = false;
  area.ariaLabel = label;
  area.value = text;
  const grow = (): void => {
    area.rows = area.value.split("\n").length + 1;
  };
  grow();
  area.addEventListener("input", () => {
    grow();
    onChange(area.value);
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    onRun();
  });
  parent.replaceChildren(area);
  return {
    write(text) {
      area.value = text;
      grow();
    },
    mark(line, column) {
      const before = area.value.split("\n").slice(0, line - 1);
      const at = before.reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
      area.setSelectionRange(at, at + 1);
    },
    focus: () => area.focus(),
  };
}

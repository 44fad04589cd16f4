import { type EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, GutterMarker, gutterLineClass } from "@codemirror/view";

/*
 * What editors do without style attributes, which a strict Content-Security-Policy drops and reports: typing over a
 * selection, and marks of mistakes.
 */

/** Types over a selection. Left to itself, the browser would keep the look of the selected text in style attributes. */
export const typedOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { inputType, data, isComposing } = event;
    if (inputType !== "insertText" || !data || isComposing || view.state.selection.main.empty) return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(data), { userEvent: "input.type", scrollIntoView: true });
    return true;
  },
});

/** A mistake in a text: line and column from 1. */
export interface Mistake {
  readonly lineNum: number;
  readonly linePos: number;
  readonly message: string;
}

interface Faults {
  readonly marks: DecorationSet;
  /** Starts of lines with errors, in order. */
  readonly lines: readonly number[];
}

/** Marks these mistakes, and no others. Until then, marks move with the text. */
export const setFaults = StateEffect.define<readonly Mistake[]>();

const faultLine = new (class extends GutterMarker {
  override elementClass = "fault-line";
})();

export const faultMarks = StateField.define<Faults>({
  create: () => ({ marks: Decoration.none, lines: [] }),
  update(faults, { state, effects, docChanged, changes }) {
    for (const effect of effects) if (effect.is(setFaults)) return marked(state, effect.value);
    if (!docChanged) return faults;
    return { marks: faults.marks.map(changes), lines: faults.lines.map((from) => changes.mapPos(from)) };
  },
  provide: (field) => [
    EditorView.decorations.from(field, ({ marks }) => marks),
    gutterLineClass.from(field, ({ lines }) => RangeSet.of(lines.map((from) => faultLine.range(from)))),
  ],
});

/** Marks each error from its column to the end of the word there. */
function marked({ doc }: EditorState, errors: readonly Mistake[]): Faults {
  const places = errors.map(({ lineNum, linePos, message }) => {
    const line = doc.line(Math.min(Math.max(1, lineNum), doc.lines));
    const from = Math.min(line.from + Math.max(0, linePos - 1), line.to);
    const word = /^\w+/.exec(line.text.slice(from - line.from))?.[0] ?? " ";
    return { line: line.from, from, to: Math.min(from + word.length, line.to), message };
  });
  const marks = places
    .filter(({ from, to }) => to > from)
    .map(({ from, to, message }) =>
      Decoration.mark({ class: "fault", attributes: { title: message } }).range(from, to),
    );
  const lines = [...new Set(places.map(({ line }) => line))].sort((a, b) => a - b);
  return { marks: Decoration.set(marks, true), lines };
}

/** How mistakes look. */
export const faultTheme = EditorView.theme({
  ".fault": { textDecoration: "underline wavy var(--warm)", textDecorationSkipInk: "none" },
  ".cm-gutterElement.fault-line": {
    color: "var(--ink)",
    fontWeight: "700",
    backgroundColor: "color-mix(in srgb, var(--warm) 25%, transparent)",
  },
});

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension, RangeSet, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  GutterMarker,
  gutterLineClass,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import type { CompilerError } from "../../src/kernels/call.ts";
import { wgsl } from "./wgsl.ts";

/*
 * Loaded when the editor opens. CodeMirror is inside a shadow root: there its styles are a constructed sheet, which a
 * strict Content-Security-Policy allows.
 */

const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)", fontSize: "0.8rem" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-gutters": { color: "var(--soft)", backgroundColor: "var(--paper)", border: "none" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--tint) !important" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".fault": { textDecoration: "underline wavy var(--warm)", textDecorationSkipInk: "none" },
  ".cm-gutterElement.fault-line": {
    color: "var(--ink)",
    fontWeight: "700",
    backgroundColor: "color-mix(in srgb, var(--warm) 25%, transparent)",
  },
  ".wgsl-comment": { color: "var(--soft)" },
  ".wgsl-number": { color: "color-mix(in srgb, var(--warm) 70%, var(--ink))" },
  ".wgsl-keyword": { color: "var(--accent)", fontWeight: "600" },
  ".wgsl-type": { color: "var(--accent)" },
  // Faint, and underlined within lines: text keeps its contrast.
  "&.cm-merge-a .cm-changedLine, .cm-deletedChunk": {
    backgroundColor: "color-mix(in srgb, var(--warm) 4%, transparent)",
  },
  "&.cm-merge-b .cm-changedLine, .cm-changedLine": {
    backgroundColor: "color-mix(in srgb, var(--accent) 4%, transparent)",
  },
  "&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": {
    background: "none",
    borderBottom: "2px solid var(--warm)",
  },
  "&.cm-merge-b .cm-changedText": { background: "none", borderBottom: "2px solid var(--accent)" },
});

/** The inside of an element, without what was there. */
function inside(parent: HTMLElement): ShadowRoot {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
  root.replaceChildren();
  return root;
}

const labelled = (label: string): Extension => EditorView.contentAttributes.of({ "aria-label": label });

export interface EditorOptions {
  readonly parent: HTMLElement;
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** The compiler's errors in a text, asked for a while after the last key. */
  readonly errorsIn: (text: string) => Promise<readonly CompilerError[]>;
}

/** Opens an editor for WGSL. @returns how to close it. */
export function openEditor({ parent, text, onChange, errorsIn }: EditorOptions): () => void {
  const root = inside(parent);
  const view = new EditorView({
    root,
    parent: root,
    doc: text,
    extensions: [
      lineNumbers(),
      history(),
      indentOnInput(),
      bracketMatching(),
      highlightActiveLine(),
      keymap.of([...defaultKeymap, ...historyKeymap]),
      wgsl,
      theme,
      labelled("WGSL, editable"),
      faultMarks,
      typedOver,
      EditorView.updateListener.of(({ docChanged, state }) => {
        if (!docChanged) return;
        onChange(state.doc.toString());
        check();
      }),
    ],
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const check = (delay = pause): void => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const { doc } = view.state;
      const errors = await errorsIn(doc.toString());
      // Those of a newer text are on their way.
      if (view.state.doc === doc) view.dispatch({ effects: setFaults.of(errors) });
    }, delay);
  };
  check(0);
  const close = reachable(view);
  return () => {
    clearTimeout(timer);
    close();
  };
}

/**
 * Types over a selection. Left to itself, the browser would keep the look of the selected text in style attributes, which
 * a strict Content-Security-Policy drops and reports.
 */
const typedOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { inputType, data, isComposing } = event;
    if (inputType !== "insertText" || !data || isComposing || view.state.selection.main.empty) return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(data), { userEvent: "input.type", scrollIntoView: true });
    return true;
  },
});

/** Milliseconds after the last key. */
const pause = 300;

/** Lets the keyboard scroll an editor. @returns how to close it. */
function reachable(...views: EditorView[]): () => void {
  for (const { scrollDOM } of views) scrollDOM.tabIndex = 0;
  return () => {
    for (const view of views) view.destroy();
  };
}

/* The compiler's errors as classes in the text and beside it. Their messages are below the editor. */

interface Faults {
  readonly marks: DecorationSet;
  /** Starts of lines with errors, in order. */
  readonly lines: readonly number[];
}

const setFaults = StateEffect.define<readonly CompilerError[]>();

const faultLine = new (class extends GutterMarker {
  override elementClass = "fault-line";
})();

const faultMarks = StateField.define<Faults>({
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
function marked({ doc }: EditorState, errors: readonly CompilerError[]): Faults {
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

/** Shows two texts and how they differ: side by side, or as one text where the page is narrow. */
export function openDiff(parent: HTMLElement, a: string, b: string, names: readonly [string, string]): () => void {
  const root = inside(parent);
  const fixed = [wgsl, theme, lineNumbers(), EditorState.readOnly.of(true), EditorView.lineWrapping];
  if (parent.clientWidth < 640) {
    const changes = unifiedMergeView({ original: a, mergeControls: false });
    const both = labelled(`Changes from ${names[0]} to ${names[1]}`);
    const view = new EditorView({ root, parent: root, doc: b, extensions: [fixed, both, changes] });
    return reachable(view);
  }
  const side = (doc: string, name: string) => ({ doc, extensions: [fixed, labelled(name)] });
  const view = new MergeView({ root, parent: root, a: side(a, names[0]), b: side(b, names[1]), gutter: true });
  reachable(view.a, view.b);
  return () => view.destroy();
}

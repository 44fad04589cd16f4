import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import type { CompilerError } from "../../src/kernels/call.ts";
import { faultMarks, faultTheme, setFaults, typedOver } from "./codeMarks.ts";
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
      faultTheme,
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

/** Milliseconds after the last key. */
const pause = 300;

/** Lets the keyboard scroll an editor. @returns how to close it. */
function reachable(...views: EditorView[]): () => void {
  for (const { scrollDOM } of views) scrollDOM.tabIndex = 0;
  return () => {
    for (const view of views) view.destroy();
  };
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

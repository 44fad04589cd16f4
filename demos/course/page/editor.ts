import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { typescriptLanguage } from "@codemirror/lang-javascript";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { faultMarks, faultTheme, setFaults, typedOver } from "../../parts/codeMarks.ts";
import { classes } from "../build/highlight.ts";

/*
 * Loaded when a cell is first edited. CodeMirror is inside a shadow root: there its styles are a constructed sheet,
 * which a strict Content-Security-Policy allows.
 */

const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)", fontSize: "0.85rem", borderRadius: "9px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace', lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ink)", padding: "0.75rem 0" },
  ".cm-gutters": { color: "var(--soft)", backgroundColor: "var(--paper)", border: "none", borderRadius: "9px" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--tint) !important" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--tint)", color: "inherit" },
  ".code-comment": { color: "var(--soft)" },
  ".code-number, .code-string": { color: "var(--code-warm)" },
  ".code-keyword": { color: "var(--accent)", fontWeight: "600" },
  ".code-type, .code-call": { color: "var(--accent)" },
});

export interface EditorOptions {
  /** Its content is replaced. */
  readonly parent: HTMLElement;
  readonly text: string;
  readonly label: string;
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
}

export interface Editor {
  /** Sets the text, as "Reset" does. */
  write(text: string): void;
  /** Marks a mistake: line and column from 1. */
  mark(line: number, column: number, message: string): void;
  focus(): void;
}

/** Opens an editor for a cell. */
export function openEditor({ parent, text, label, onChange, onRun }: EditorOptions): Editor {
  const host = document.createElement("div");
  parent.replaceChildren(host);
  const root = host.attachShadow({ mode: "open" });
  const run = (): boolean => {
    onRun();
    return true;
  };
  const view = new EditorView({
    root,
    parent: root,
    doc: text,
    extensions: [
      lineNumbers(),
      history(),
      indentOnInput(),
      bracketMatching(),
      keymap.of([
        { key: "Mod-Enter", run },
        { key: "Shift-Enter", run },
        ...defaultKeymap,
        ...historyKeymap,
        indentWithTab,
      ]),
      typescriptLanguage,
      syntaxHighlighting(HighlightStyle.define(classes)),
      theme,
      faultMarks,
      faultTheme,
      typedOver,
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of(({ docChanged, state }) => {
        if (docChanged) onChange(state.doc.toString());
      }),
    ],
  });
  view.scrollDOM.tabIndex = 0;
  return {
    write(text) {
      if (text !== view.state.doc.toString())
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    mark(line, column, message) {
      view.dispatch({ effects: setFaults.of([{ lineNum: line, linePos: column, message }]) });
    },
    focus: () => view.focus(),
  };
}

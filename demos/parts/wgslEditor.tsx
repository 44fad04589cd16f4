import { useEffect, useRef } from "preact/hooks";
import type { CompilerError } from "../../src/kernels/call.ts";
import type { EditorOptions } from "./codeEditor.ts";

/** An editor for WGSL, which loads when it appears. It takes its first text only; a new key opens it anew. */
export function WgslEditor(options: Omit<EditorOptions, "parent">) {
  const parent = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: one editor for all texts typed into it
  useEffect(() => {
    let close: (() => void) | undefined;
    let isGone = false;
    void import("./codeEditor.ts").then(({ openEditor }) => {
      if (!isGone) close = openEditor({ ...options, parent: parent.current! });
    });
    return () => {
      isGone = true;
      close?.();
    };
  }, []);
  return <div class="editor" ref={parent} />;
}

/** The compiler's errors, also for those who cannot see marks in the text. */
export function Faults({ faults = [] }: { readonly faults: readonly CompilerError[] | undefined }) {
  return (
    <div role="status">
      <ul class="faults">
        {faults.map(({ lineNum, linePos, message }) => (
          <li key={`${lineNum} ${linePos} ${message}`}>
            {/* Line 0 stands for the text as a whole. */}
            {lineNum > 0 && `Line ${lineNum}, column ${linePos}: `}
            {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

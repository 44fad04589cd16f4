import { useEffect, useRef } from "preact/hooks";
import { Choice } from "../parts/controls.tsx";
import * as session from "./session.ts";

const { draft, kernel, ladder, settings, shown, sources } = session;

/** Another variant beside the one that is shown, or the visitor's text beside the original. */
export function ComparisonCard() {
  return ladder.value && kernel.value ? <Comparison original={kernel.value.wgsl} /> : null;
}

function Comparison({ original }: { readonly original: string }) {
  const parent = useRef<HTMLDivElement>(null);
  const { beside } = settings.value;
  const others = ladder.value!.variants.filter(({ variant, lacks }) => variant !== shown.value && lacks === undefined);
  const isOwn = beside === "own" && draft.value !== undefined;
  const isThere = isOwn || others.some(({ variant }) => variant === beside);
  const all = sources.value.get(beside);
  const text = isOwn ? draft.value!.wgsl : all?.[Math.min(settings.value.kernel, all.length - 1)]?.wgsl;
  useEffect(() => {
    if (isThere && !isOwn && !all) void session.load(beside);
  }, [isThere, isOwn, beside, all]);
  useEffect(() => {
    if (!isThere || text === undefined) return;
    let close: (() => void) | undefined;
    let isGone = false;
    const names = [`${shown.value}, read only`, `${isOwn ? session.own : beside}, read only`] as const;
    void import("../parts/codeEditor.ts").then(({ openDiff }) => {
      if (!isGone) close = openDiff(parent.current!, original, text, names);
    });
    return () => {
      isGone = true;
      close?.();
    };
  }, [isThere, isOwn, beside, text, original]);
  if (others.length === 0 && !draft.value) return null;
  return (
    <section class="card beside" aria-labelledby="beside-title">
      <h2 id="beside-title">Side by side</h2>
      <Choice
        label={`${shown.value} beside`}
        value={isThere ? beside : ""}
        options={[
          ["", "Nothing"],
          ...(draft.value ? [["own", "Your text"] as const] : []),
          ...others.map(({ variant }) => [variant, variant] as const),
        ]}
        onChange={(next) => session.change({ beside: next })}
      />
      {isThere && <div class="diff" ref={parent} />}
    </section>
  );
}

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { caret, type Seen, unit, valueAt } from "./inside.ts";

/** Attention that is worth a line. */
const least = 0.02;

interface Curve {
  readonly path: string;
  readonly share: number;
}

/** Lines from the character before the caret to those that it attends to. */
export function Lines({ seen }: { readonly seen: Seen }) {
  const svg = useRef<SVGSVGElement>(null);
  const [curves, setCurves] = useState<readonly Curve[]>([]);
  const [head, at] = [unit(), caret.value];
  // The browser breaks the lines of the text: where its characters are is known only then.
  useLayoutEffect(() => {
    const marks = [...svg.current!.parentElement!.querySelectorAll<HTMLElement>(".marks span")];
    const from = marks[at - 1];
    const found = from
      ? marks.slice(0, at).map((to, i) => ({ path: arc(from, to), share: valueAt(seen, head, i) }))
      : [];
    setCurves(found.filter(({ share }) => share >= least));
  }, [seen, head, at]);
  return (
    <svg class="attention" ref={svg} aria-hidden="true">
      {curves.map(({ path, share }) => (
        <path
          key={path}
          d={path}
          stroke-opacity={(0.2 + 0.8 * share).toFixed(2)}
          stroke-width={(0.75 + 4 * share).toFixed(2)}
        />
      ))}
    </svg>
  );
}

/** A curve above the text, from the top of one character to that of another. */
function arc(from: HTMLElement, to: HTMLElement): string {
  const top = ({ offsetLeft, offsetWidth, offsetTop }: HTMLElement) =>
    [offsetLeft + offsetWidth / 2, offsetTop + 4] as const;
  const [[x1, y1], [x2, y2]] = [top(from), top(to)];
  const middle = Math.min(y1, y2) - 6 - Math.min(14, Math.abs(x1 - x2) / 12);
  return `M${x1} ${y1}Q${(x1 + x2) / 2} ${middle} ${x2} ${y2}`;
}

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** The width of an element, in CSS pixels, as it changes. */
export function useWidth<E extends Element>(initial = 800): [RefObject<E | null>, number] {
  const element = useRef<E>(null);
  const [width, set] = useState(initial);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => set(Math.max(240, Math.round(entry!.contentRect.width))));
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

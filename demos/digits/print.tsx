import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { looks } from "../parts/palette.ts";
import { paintImage } from "./pixels.ts";

/** An image of 28 × 28 pixels, as ink in the text's colour. @param label for those who cannot see it; none for decoration. */
export function Print({ image, label }: { readonly image: Uint8Array | undefined; readonly label?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const paint = () => paintImage(canvas.current!, image, getComputedStyle(canvas.current!).color);
  useEffect(paint, [image]);
  useSignalEffect(() => {
    looks.value;
    paint();
  });
  const names = label === undefined ? { "aria-hidden": true } : { role: "img" as const, "aria-label": label };
  return <canvas class="print" ref={canvas} {...names} />;
}

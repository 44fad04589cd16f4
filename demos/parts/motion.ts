/** Whether the visitor wants little motion. */
export const isCalm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Milliseconds between two drawings for those who want little motion. */
export const calm = 1000;

/** Waits for the next frame of the page. Hidden pages have none. */
export const nextFrame = (): Promise<unknown> => new Promise(requestAnimationFrame);

/** Waits until the page may draw again: a frame, and for those who want little motion a second. */
export async function nextDrawing(): Promise<void> {
  if (isCalm()) await new Promise((go) => setTimeout(go, calm));
  await nextFrame();
}

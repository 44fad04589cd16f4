import { onAppearance } from "../parts/appearance.ts";
import { drawInside, drawKernels, drawSpeed } from "./measuring.ts";
import { Picture } from "./picture.ts";
import { drawOnnx } from "./predicting.ts";
import type { Runs } from "./runs.ts";
import { drawCourse, drawDigits, drawPlayground, drawText } from "./training.ts";

type Name = keyof Runs;

const drawings: { readonly [K in Name]: (picture: Picture, run: Runs[K], time: number) => void } = {
  course: drawCourse,
  playground: drawPlayground,
  digits: drawDigits,
  text: drawText,
  inside: drawInside,
  onnx: drawOnnx,
  kernels: drawKernels,
  speed: drawSpeed,
};

/** Recorded runs, by name of the card. */
const runs = import.meta.glob<Runs[Name]>("./runs/*.json", { import: "default" });

/** Milliseconds of a replay, and of the pause at its end. */
const [length, pause] = [7000, 3000];

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** A card's miniature. */
class Replay {
  readonly #canvas: HTMLCanvasElement;
  readonly #name: Name;
  #run: Runs[Name] | undefined;
  /** How much of it has been shown, in milliseconds. */
  #played = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#name = canvas.dataset["run"] as Name;
  }

  async load(): Promise<void> {
    this.#run ??= await runs[`./runs/${this.#name}.json`]!();
    this.#canvas.dataset["state"] = "loaded";
    this.draw();
  }

  advance(ms: number): void {
    this.#played = (this.#played + ms) % (length + pause);
    this.draw();
  }

  draw(): void {
    if (!this.#run) return;
    const time = calm.matches ? 1 : Math.min(1, this.#played / length);
    const draw = drawings[this.#name] as (picture: Picture, run: Runs[Name], time: number) => void;
    draw(new Picture(this.#canvas), this.#run, time);
  }
}

const replays = new Map<Element, Replay>();
/** Only these move. */
const visible = new Set<Replay>();

let last: number | undefined;
/** Draws one frame of all replays in view, and asks for the next while there are some. */
function move(now: number): void {
  if (visible.size === 0 || calm.matches) {
    last = undefined;
    return;
  }
  // After the tab was hidden, they go on where they were. A frame may have begun before the first was asked for.
  const passed = Math.max(0, Math.min(100, now - (last ?? now)));
  for (const replay of visible) replay.advance(passed);
  last = now;
  requestAnimationFrame(move);
}

function start(): void {
  if (last !== undefined) return;
  last = performance.now();
  requestAnimationFrame(move);
}

const watching = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const replay = replays.get(target)!;
    if (isIntersecting) {
      visible.add(replay);
      void replay.load();
    } else visible.delete(replay);
  }
  if (visible.size > 0) start();
});

const redraw = (): void => {
  for (const replay of visible) replay.draw();
};

for (const canvas of document.querySelectorAll<HTMLCanvasElement>("canvas[data-run]")) {
  replays.set(canvas, new Replay(canvas));
  watching.observe(canvas);
  new ResizeObserver(redraw).observe(canvas);
}
// The others show their first frame until they come into view.
for (const replay of replays.values()) void replay.load();
onAppearance(redraw);
calm.addEventListener("change", () => {
  redraw();
  start();
});

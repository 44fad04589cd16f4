import { onAppearance } from "../parts/appearance.ts";
import { mnistImage } from "./ink.ts";
import { side } from "./packs.ts";
import { paintImage } from "./pixels.ts";

/** Points of a stroke, 0 … 1 from the pad's left and upper edge. */
type Stroke = [x: number, y: number][];

/** Width of the brush as a share of the pad: on a digit of usual size, the thickness of MNIST's strokes. */
const brush = 0.085;

/** How keys move the pen, in steps of a pixel of the network's image. */
const moves: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Side in pixels of the copy that the network's image is made from, whatever the pad's size on the screen. */
const copySize = 280;

/** A sheet of paper to draw a digit on. */
export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #changed: () => void;
  readonly #copy: CanvasRenderingContext2D;
  #strokes: Stroke[] = [];
  /** An image put on the pad instead of strokes. */
  #example: Uint8Array | undefined;
  #drawing: Stroke | undefined;
  /** Where the keyboard's pen is, if it has been moved. */
  #pen: readonly [x: number, y: number] | undefined;
  #isStale = false;

  /**
   * @param changed is called after changes, at most once per frame.
   */
  constructor(canvas: HTMLCanvasElement, changed: () => void) {
    this.#canvas = canvas;
    this.#changed = changed;
    const copy = document.createElement("canvas");
    copy.width = copy.height = copySize;
    this.#copy = copy.getContext("2d", { willReadFrequently: true })!;
    canvas.addEventListener("pointerdown", this.#down);
    canvas.addEventListener("pointermove", this.#move);
    canvas.addEventListener("pointerup", this.#up);
    canvas.addEventListener("pointercancel", this.#up);
    canvas.addEventListener("keydown", this.#key);
    canvas.addEventListener("blur", this.#leave);
    new ResizeObserver(this.#paint).observe(canvas);
    onAppearance(this.#paint);
  }

  get isBlank(): boolean {
    return this.#strokes.length === 0 && !this.#example;
  }

  /** Whether the pad shows an image, with nothing drawn since. */
  get isExample(): boolean {
    return this.#example !== undefined;
  }

  clear(): void {
    this.#begin(undefined);
  }

  /** Puts an image of 784 bytes on the pad. */
  show(image: Uint8Array): void {
    this.#begin(image);
  }

  /** The pad's content as the network's input; undefined for blank paper. */
  image(): Uint8Array | undefined {
    if (this.#example) return this.#example;
    this.#copy.clearRect(0, 0, copySize, copySize);
    this.#stroke(this.#copy, copySize);
    const { data } = this.#copy.getImageData(0, 0, copySize, copySize);
    const opacity = Uint8Array.from({ length: copySize ** 2 }, (_, i) => data[4 * i + 3]!);
    return mnistImage(opacity, copySize);
  }

  #begin(example: Uint8Array | undefined): void {
    this.#example = example;
    this.#strokes = [];
    this.#drawing = undefined;
    this.#update();
  }

  readonly #down = (event: PointerEvent): void => {
    if (event.button !== 0 || this.#drawing) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pen = undefined;
    this.#touch();
    this.#extend([event]);
  };

  /** Begins a stroke. */
  #touch(): void {
    this.#example = undefined;
    this.#drawing = [];
    this.#strokes.push(this.#drawing);
  }

  /** Arrows move a pen, Space puts it down and lifts it, Escape clears the paper. */
  readonly #key = (event: KeyboardEvent): void => {
    if (["Escape", "Delete", "Backspace"].includes(event.key)) {
      this.clear();
      return;
    }
    const by = moves[event.key];
    if (!by && event.key !== " ") return;
    event.preventDefault();
    const [x, y] = this.#pen ?? [0.5, 0.25];
    const inside = (at: number) => Math.min(1, Math.max(0, at));
    this.#pen = by ? [inside(x + by[0] / side), inside(y + by[1] / side)] : [x, y];
    if (!by && this.#drawing) this.#drawing = undefined;
    else {
      if (!by) this.#touch();
      this.#drawing?.push([...this.#pen]);
    }
    this.#update();
  };

  readonly #leave = (): void => {
    if (!this.#pen) return;
    this.#pen = this.#drawing = undefined;
    this.#paint();
  };

  readonly #move = (event: PointerEvent): void => {
    // Browsers report a pointer once per frame; the positions in between make strokes round.
    if (this.#drawing && event.isPrimary) this.#extend(event.getCoalescedEvents?.() ?? [event]);
  };

  readonly #up = (): void => {
    this.#drawing = undefined;
  };

  #extend(events: readonly PointerEvent[]): void {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    for (const { clientX, clientY } of events)
      this.#drawing?.push([(clientX - left) / width, (clientY - top) / height]);
    this.#update();
  }

  #update(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    requestAnimationFrame(() => {
      this.#isStale = false;
      this.#paint();
      this.#changed();
    });
  }

  readonly #paint = (): void => {
    const context = this.#canvas.getContext("2d")!;
    const size = Math.max(1, Math.round(this.#canvas.clientWidth * devicePixelRatio));
    if (this.#canvas.width !== size) this.#canvas.width = this.#canvas.height = size;
    else context.clearRect(0, 0, size, size);
    const { color } = getComputedStyle(this.#canvas);
    if (this.#example) {
      const image = document.createElement("canvas");
      paintImage(image, this.#example, color);
      context.imageSmoothingQuality = "high";
      context.drawImage(image, 0, 0, size, size);
    } else {
      context.strokeStyle = color;
      this.#stroke(context, size);
    }
    if (this.#pen) this.#ring(context, this.#pen, size);
  };

  /** Shows the pen: filled where it is down. */
  #ring(context: CanvasRenderingContext2D, [x, y]: readonly [number, number], size: number): void {
    context.beginPath();
    context.arc(x * size, y * size, (brush * size) / 2, 0, 2 * Math.PI);
    context.strokeStyle = context.fillStyle = getComputedStyle(this.#canvas).outlineColor;
    context.lineWidth = 2 * devicePixelRatio;
    context.stroke();
    if (this.#drawing) context.fill();
  }

  #stroke(context: CanvasRenderingContext2D, size: number): void {
    context.lineWidth = brush * size;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.#strokes) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x * size, y * size);
      // A line of one point is a dot.
      if (stroke.length === 1) context.lineTo(stroke[0]![0] * size, stroke[0]![1] * size);
      context.stroke();
    }
  }
}

/** A canvas to draw on, in CSS pixels, with the page's colours. */
export class Picture {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  readonly #css: CSSStyleDeclaration;

  constructor(canvas: HTMLCanvasElement) {
    const { clientWidth, clientHeight } = canvas;
    const density = devicePixelRatio;
    const [wide, high] = [Math.round(clientWidth * density), Math.round(clientHeight * density)];
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    this.context = canvas.getContext("2d")!;
    this.context.setTransform(density, 0, 0, density, 0, 0);
    this.context.clearRect(0, 0, clientWidth, clientHeight);
    [this.width, this.height] = [clientWidth, clientHeight];
    this.#css = getComputedStyle(canvas);
  }

  /** A colour of the theme by the name of its custom property. */
  color(name: string): string {
    return this.#css.getPropertyValue(name).trim();
  }

  box(x: number, y: number, wide: number, high: number, color: string): void {
    this.context.fillStyle = this.color(color);
    this.context.fillRect(x, y, Math.max(0, wide), high);
  }

  words(text: string, x: number, y: number, { color = "--soft", size = 11, align = "left", mono = false } = {}): void {
    this.context.fillStyle = this.color(color);
    this.context.font = `${size}px ${mono ? "ui-monospace, monospace" : this.color("--sans")}`;
    this.context.textAlign = align as CanvasTextAlign;
    this.context.fillText(text, x, y);
  }

  /** A curve through points of the canvas. */
  curve(points: readonly (readonly [x: number, y: number])[], color: string): void {
    this.context.strokeStyle = this.color(color);
    this.context.lineWidth = 2;
    this.context.lineJoin = "round";
    this.context.beginPath();
    for (const [x, y] of points) this.context.lineTo(x, y);
    this.context.stroke();
  }
}

/** A place in a list of frames, and how far it is to the next. */
export function between<T>(
  frames: readonly T[],
  time: number,
): { readonly at: T; readonly next: T; readonly share: number } {
  const place = time * (frames.length - 1);
  const i = Math.min(frames.length - 1, Math.floor(place));
  return { at: frames[i]!, next: frames[Math.min(frames.length - 1, i + 1)]!, share: place - i };
}

/** A value between two. */
export const mix = (a: number, b: number, share: number): number => a + share * (b - a);

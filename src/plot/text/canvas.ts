/*
 * A picture of characters. Each holds 2 × 4 dots, as in braille (Unicode, U+2800 to U+28FF), and may have a colour.
 */

/** Bits of the dots of a character, by row and column. */
const bits = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

/** Numbers of the terminal's colours for curves: blue, yellow, green, magenta, cyan, red. */
const inks = [34, 33, 32, 35, 36, 31] as const;

/** Text in the colour of curve `index`, if the terminal has colours. */
export const inked = (text: string, index: number, color: boolean): string =>
  color ? `\u001b[${inks[index % inks.length]}m${text}\u001b[39m` : text;

export class Canvas {
  readonly columns: number;
  readonly rows: number;
  readonly #dots: Uint8Array;
  readonly #marks: string[] = [];
  readonly #inks: number[] = [];

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.#dots = new Uint8Array(columns * rows);
  }

  /** A straight line between two dots, both included (J. Bresenham, 1965). */
  line([x, y]: readonly [number, number], [toX, toY]: readonly [number, number], ink: number): void {
    const [dx, dy] = [Math.abs(toX - x), -Math.abs(toY - y)];
    for (let error = dx + dy; ; ) {
      this.#dot(x, y, ink);
      if (x === toX && y === toY) return;
      const twice = 2 * error;
      if (twice >= dy) {
        error += dy;
        x += Math.sign(toX - x);
      }
      if (twice <= dx) {
        error += dx;
        y += Math.sign(toY - y);
      }
    }
  }

  /** A character in place of the dots at (x, y). */
  mark(x: number, y: number, character: string, ink: number): void {
    const cell = Math.floor(y / 4) * this.columns + Math.floor(x / 2);
    this.#marks[cell] = character;
    this.#inks[cell] = ink;
  }

  #dot(x: number, y: number, ink: number): void {
    const cell = Math.floor(y / 4) * this.columns + Math.floor(x / 2);
    this.#dots[cell]! |= bits[y % 4]![x % 2]!;
    this.#inks[cell] = ink;
  }

  /** One line of text, without spaces at its end. */
  row(at: number, color: boolean): string {
    const cells = Array.from({ length: this.columns }, (_, i) => {
      const cell = at * this.columns + i;
      const text = this.#marks[cell] ?? (this.#dots[cell] ? String.fromCharCode(0x2800 + this.#dots[cell]!) : " ");
      return text === " " ? text : inked(text, this.#inks[cell] ?? 0, color);
    });
    return cells.join("").trimEnd();
  }
}

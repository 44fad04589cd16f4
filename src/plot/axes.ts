import { scaleLinear, scaleLog } from "d3-scale";
import { figures } from "./figure.ts";
import { type Attributes, type Markup, tag } from "./markup.ts";
import { words } from "./svg.ts";
import { fitted, letter, widthOf } from "./width.ts";

/** Space inside a picture, in its units. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Axis {
  /** The place of a value, in units of the picture. */
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

export interface AxisOptions {
  /** Values at both ends. */
  readonly range: readonly [number, number];
  readonly isLog?: boolean;
  /** Places of the ends, in units of the picture. */
  readonly places: readonly [number, number];
  /** Most ticks, about. */
  readonly most: number;
  /** Whether there are no ticks between whole numbers. */
  readonly isWhole?: boolean;
  /** Whether the ends move to round numbers. */
  readonly isRound?: boolean;
}

export function axisOf({ range, isLog, places, most, isWhole, isRound }: AxisOptions): Axis {
  const scale = isLog ? scaleLog() : scaleLinear();
  scale.domain(widened(range, isLog)).range(places);
  if (isRound) scale.nice(most);
  const all = isLog ? decades(scale.domain() as [number, number], most) : scale.ticks(most);
  const values = all.filter((tick) => !isWhole || Number.isInteger(tick));
  const labels = figures(values);
  return { at: scale, ticks: values.map((value, i) => ({ value, label: labels[i]! })) };
}

/** Two different ends. */
function widened([low, high]: readonly [number, number], isLog?: boolean): [number, number] {
  if (low < high) return [low, high];
  if (isLog) return [low / 2, high * 2];
  const margin = Math.abs(low) / 10 || 1;
  return [low - margin, high + margin];
}

/** Powers of ten; with their double and fivefold where there is room, and every second or third where there is not. */
function decades([low, high]: readonly [number, number], most: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.max(1, Math.ceil((last - first) / most));
  const powers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const inside = (value: number): boolean => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  for (const digits of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = powers.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`))).filter(inside);
    if (ticks.length <= 1.5 * most) return ticks;
  }
  return powers
    .filter((power) => power % every === 0)
    .map((power) => Number(`1e${power}`))
    .filter(inside);
}

/** Width of the labels of a vertical axis. */
export const roomFor = ({ ticks }: Axis): number => Math.max(0, ...ticks.map(({ label }) => widthOf(label)));

export interface Titles {
  readonly x?: string;
  readonly y?: string;
}

/** Grid lines, labels and titles of both axes. */
export function axesMarks(box: Box, x: Axis, y: Axis, titles: Titles, yMark: Attributes = {}): Markup[] {
  const { left, right, top, bottom } = box;
  let free = Number.NEGATIVE_INFINITY;
  const below = x.ticks.flatMap(({ value, label }) => {
    const half = widthOf(label) / 2;
    // The last label stays inside the picture.
    const place = Math.min(x.at(value), right + 1.25 * letter - half);
    if (place - half < free) return [];
    free = place + half + letter;
    return words(place, bottom + 1.5 * letter, label, { class: "soft", "text-anchor": "middle" });
  });
  const grid = y.ticks.flatMap(({ value, label }) => [
    tag("path", { class: "line", d: `M${left} ${Math.round(100 * y.at(value)) / 100}H${right}`, ...yMark }),
    words(left - 8, y.at(value) + letter / 3, label, { class: "soft", "text-anchor": "end" }),
  ]);
  const middle = (top + bottom) / 2;
  const named: Markup[] = [];
  if (titles.x)
    named.push(
      words((left + right) / 2, bottom + 3 * letter, fitted(titles.x, right - left), { "text-anchor": "middle" }),
    );
  if (titles.y) {
    const turned = { "text-anchor": "middle", transform: `rotate(-90 ${letter + 4} ${Math.round(middle)})` };
    named.push(words(letter + 4, Math.round(middle), fitted(titles.y, bottom - top), turned));
  }
  return [...grid, ...below, ...named];
}

import type { Field } from "../parts/hash.ts";

/** A point of a visitor: coordinates from −4 to 4, and a class −1 or 1 or a value between them. */
export interface OwnPoint {
  readonly x: readonly [number, number];
  readonly y: number;
}

export type Task = "classification" | "regression";

/** A visitor's points as one text: a letter for the task, then four bytes for each point in base64url. */
export type Own = string;

export const noPoints: Own = "c";

/** Points that fit into an address: some browsers and chats cut longer ones. */
export const mostInAddress = 400;

/** Points that a visitor can bring at all. */
export const mostPoints = 4000;

const reach = 4;
/** Coordinates are kept in steps of 0.002, which take 12 bits; labels in steps of a hundredth. */
const levels = 4000;

const coordinate = (level: number): number => Math.round(1000 * ((2 * reach * level) / levels - reach)) / 1000;

const levelOf = (value: number): number =>
  Math.max(0, Math.min(levels, Math.round(((value + reach) / (2 * reach)) * levels)));

export function printPoints(task: Task, points: readonly OwnPoint[]): Own {
  const bytes = points.flatMap(({ x, y }) => {
    const [a, b] = [levelOf(x[0]), levelOf(x[1])];
    return [a >> 4, ((a & 15) << 4) | (b >> 8), b & 255, Math.round(100 * Math.max(-1, Math.min(1, y))) + 100];
  });
  let text = "";
  for (let i = 0; i < bytes.length; i += 3000) text += String.fromCharCode(...bytes.slice(i, i + 3000));
  return (task === "regression" ? "r" : "c") + btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export const taskOfOwn = (own: Own): Task => (own.startsWith("r") ? "regression" : "classification");

export function parsePoints(own: Own): OwnPoint[] {
  const text = atob(own.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
  return Array.from({ length: text.length / 4 }, (_, i) => {
    const at = (k: number): number => text.charCodeAt(4 * i + k);
    const levels = [(at(0) << 4) | (at(1) >> 4), ((at(1) & 15) << 8) | at(2)] as const;
    return { x: [coordinate(levels[0]), coordinate(levels[1])], y: (at(3) - 100) / 100 };
  });
}

/** Points in an address; none where they are too many for one. */
export const ownField: Field<Own> = {
  initial: noPoints,
  parse(text) {
    if (!/^[cr][\w-]*$/.test(text)) return undefined;
    try {
      const points = parsePoints(text);
      const isWhole = Number.isInteger(points.length) && points.length <= mostInAddress;
      return isWhole && points.every(({ y }) => Math.abs(y) <= 1) && printPoints(taskOfOwn(text), points) === text
        ? text
        : undefined;
    } catch {
      return undefined; // not base64
    }
  },
  print: (own) => (parsePoints(own).length <= mostInAddress ? own : noPoints),
};

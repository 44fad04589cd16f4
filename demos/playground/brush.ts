import { signal } from "@preact/signals";
import { mostPoints, type OwnPoint, parsePoints, printPoints } from "./own.ts";
import { reach, taskOf } from "./problems.ts";
import { changeShared, shared } from "./session.ts";

/** What the brush leaves: a label, or nothing where it takes points away. */
export const label = signal<number | undefined>(1);
/** What it leaves where points have values. */
export const value = signal(1);

/** Where the keyboard's brush is; undefined until a key moves it. */
export const cursor = signal<readonly [number, number] | undefined>(undefined);

/** A new point has this distance from the one painted before, while the brush is drawn along. */
const spacing = 0.3;

/** Within this distance the brush takes a point away. */
const width = 0.35;

const change = (change: (points: OwnPoint[]) => OwnPoint[]): void => {
  const { own } = shared.value;
  const points = change(parsePoints(own));
  if (points.length <= mostPoints) changeShared({ own: printPoints(taskOf({ problem: "own", own }), points) });
};

function paint(x: readonly [number, number]): void {
  const y = label.value;
  const isFar = (point: OwnPoint): boolean => Math.hypot(point.x[0] - x[0], point.x[1] - x[1]) > width;
  if (y === undefined) change((points) => points.filter(isFar));
  else change((points) => [...points, { x, y: taskOf(shared.value) === "regression" ? value.value : y }]);
}

let last: readonly [number, number] | undefined;

function move({ currentTarget, clientX, clientY, buttons }: PointerEvent): void {
  if (buttons === 0) return;
  const { left, top, width, height } = (currentTarget as HTMLElement).getBoundingClientRect();
  const at = [reach * ((2 * (clientX - left)) / width - 1), reach * (1 - (2 * (clientY - top)) / height)] as const;
  const isInside = at.every((value) => Math.abs(value) <= reach);
  if (!isInside || (last && Math.hypot(at[0] - last[0], at[1] - last[1]) < spacing)) return;
  last = at;
  paint(at);
}

function press(event: KeyboardEvent): void {
  const moves: Record<string, readonly [number, number]> = {
    ArrowLeft: [-0.2, 0],
    ArrowRight: [0.2, 0],
    ArrowUp: [0, 0.2],
    ArrowDown: [0, -0.2],
  };
  const move = moves[event.key];
  const [x, y] = cursor.value ?? [0, 0];
  const within = (value: number): number => Math.max(-reach, Math.min(reach, value));
  if (move) cursor.value = [within(x + move[0]), within(y + move[1])];
  else if (event.key === " ") paint([x, y]);
  else return;
  event.preventDefault();
}

/** What the plane does while the points are the visitor's own. */
export const painting = {
  tabIndex: 0,
  role: "group" as const,
  "aria-label": "Plane to paint on: arrow keys move the brush, the space bar paints",
  onPointerDown(event: PointerEvent): void {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    last = undefined;
    move(event);
  },
  onPointerMove: move,
  onKeyDown: press,
  onBlur(): void {
    cursor.value = undefined;
  },
};

import { signal } from "@preact/signals";
import { Slider } from "../parts/controls.tsx";
import { mostInAddress, mostPoints, noPoints, type OwnPoint, parsePoints, printPoints } from "./own.ts";
import { panel } from "./panels.tsx";
import { reach, taskOf } from "./problems.ts";
import { changeShared, shared } from "./session.ts";

/** What the brush leaves: a label, or nothing where it takes points away. */
const label = signal<number | undefined>(1);
const value = signal(1);

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

/** The tools for a visitor's own points. */
export function Brush() {
  const { own } = shared.value;
  const count = parsePoints(own).length;
  const isRegression = taskOf(shared.value) === "regression";
  const tools = isRegression
    ? ([
        ["Paint", 1],
        ["Erase", undefined],
      ] as const)
    : ([
        ["Blue", 1],
        ["Orange", -1],
        ["Erase", undefined],
      ] as const);
  return (
    <>
      <fieldset class="choices">
        <legend class="visually-hidden">Brush</legend>
        {tools.map(([name, y]) => (
          <label key={name}>
            <input
              type="radio"
              name="brush"
              checked={label.value === y || (isRegression && y === 1 && label.value !== undefined)}
              onChange={() => {
                label.value = y;
              }}
            />
            {name}
          </label>
        ))}
      </fieldset>
      {isRegression && (
        <Slider
          label="Value to paint"
          {...{ value: value.value, min: -1, max: 1, step: 0.1, text: value.value.toFixed(1) }}
          onChange={(next) => {
            value.value = next;
          }}
        />
      )}
      <p class="hint">
        {count === 0 ? "Paint points on the plane, or load a table." : `${count} points. Paint more on the plane.`}
        {count > mostInAddress &&
          ` Up to ${mostInAddress} fit into the address: a reload or a shared link has none of these.`}
      </p>
      <p class="buttons">
        <button
          type="button"
          class="button small"
          onClick={() => {
            panel.value = "table";
          }}
        >
          Load a table…
        </button>
        <button
          type="button"
          class="button small"
          onClick={() => changeShared({ own: isRegression ? noPoints : printPoints("regression", []) })}
        >
          {isRegression ? "Paint classes" : "Paint values"}
        </button>
        <button
          type="button"
          class="button small"
          disabled={count === 0}
          onClick={() => changeShared({ own: printPoints(taskOf(shared.value), []) })}
        >
          Clear
        </button>
      </p>
    </>
  );
}

import { Slider } from "../parts/controls.tsx";
import { label, value } from "./brush.ts";
import { mostInAddress, noPoints, parsePoints, printPoints } from "./own.ts";
import { panel } from "./panels.tsx";
import { taskOf } from "./problems.ts";
import { changeShared, shared } from "./session.ts";

/** The tools for a visitor's own points. */
export default function BrushTools() {
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

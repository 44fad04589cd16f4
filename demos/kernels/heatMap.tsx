import { timeOf } from "./format.ts";
import { connection } from "./gpu.ts";
import { type Axis, groupSizes, msOf, shares, usualGroups } from "./heat.ts";
import type { Outcome } from "./rows.ts";
import * as session from "./session.ts";
import { heatMap, swept } from "./swept.ts";

/** Steps of the colours. */
const steps = 8;

/** Times of all variants over shapes or workgroup sizes, as a heat map. */
export function HeatCard() {
  const map = heatMap.value;
  const begin = (axis: Axis) => (
    <button
      id={`sweep-${axis}`}
      type="button"
      class="button"
      disabled={session.busy.value !== undefined || !session.ladder.value || !connection.value}
      onClick={() => void import("./sweep.ts").then(({ sweep }) => sweep(axis))}
    >
      {axis === "shapes" ? "All shapes × variants" : "Workgroup sizes × variants"}
    </button>
  );
  return (
    <section class="card heat" aria-labelledby="heat-title">
      <div class="card-head">
        <h2 id="heat-title">Sweep</h2>
        <div class="buttons">
          {begin("shapes")}
          {begin("workgroups")}
        </div>
      </div>
      <label class="swept">
        <span>Invocations per workgroup</span>
        <input
          id="swept"
          type="text"
          inputMode="numeric"
          autocomplete="off"
          value={swept.value.join(", ")}
          onChange={({ currentTarget }) => {
            const sizes = groupSizes(currentTarget.value, connection.value!.about.maxInvocations);
            currentTarget.setCustomValidity(typeof sizes === "string" ? sizes : "");
            currentTarget.reportValidity();
            if (typeof sizes !== "string") session.change({ swept: sizes.join() === usualGroups.join() ? [] : sizes });
          }}
        />
      </label>
      {map ? (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on narrow screens */}
          <section class="scroll" tabIndex={0} aria-label="Heat map">
            <table>
              <thead>
                <tr>
                  <th scope="col">{map.axis === "shapes" ? "Shape" : "Workgroup"}</th>
                  {map.columns.map((variant) => (
                    <th scope="col" key={variant}>
                      {variant}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {shares(map).map((share, i) => {
                  const { name, cells } = map.rows[i]!;
                  return (
                    <tr key={name}>
                      <th scope="row">{name}</th>
                      {map.columns.map((variant) => (
                        <Cell
                          key={variant}
                          share={share.get(variant)}
                          isMeasured={cells.has(variant)}
                          outcome={cells.get(variant)}
                        />
                      ))}
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </section>
          <p class="notes">
            {map.axis === "shapes"
              ? "A cell is timed once, as a row of the ladder is. Other work on this machine can make the two differ: run it again then. Colours compare a cell with the fastest variant of its shape."
              : "Colours compare all cells. Only kernels along one axis whose invocations do not work together can change their workgroup."}{" "}
            The darkest is the fastest; each further step is an eighth less of its speed.
          </p>
        </>
      ) : (
        <p class="notes">
          One click measures this kernel’s variants over all its shapes, or over sizes of the workgroup: where does
          which variant win?
        </p>
      )}
    </section>
  );
}

interface CellProps {
  readonly share: number | undefined;
  readonly isMeasured: boolean;
  readonly outcome: Outcome | undefined;
}

function Cell({ share, isMeasured, outcome }: CellProps) {
  if (!isMeasured) return <td class="none" />;
  const ms = msOf(outcome);
  if (ms === undefined || share === undefined) return <td class="none">{wordFor(outcome)}</td>;
  return <td class={`heat-${Math.ceil(share * steps)}`}>{timeOf(ms)}</td>;
}

const wordFor = (outcome: Outcome | undefined): string => {
  if (outcome === undefined || outcome.state === "absent") return "–";
  return outcome.state === "right" ? "too short" : outcome.state;
};

import { found, linesOf } from "./graph.tsx";
import { address, links, pick, picked } from "./session.ts";

/** The nodes of a stage in rows by layer: what goes forward, and beside it the gradient. */
export function Layers() {
  const { stage } = address.value;
  const { nodes, roles, forwards } = links.value![stage];
  const rows = new Map<string, { forward: number[]; gradient: number[] }>();
  nodes.forEach(({ layer }, i) => {
    if (roles[i] === "leaf") return;
    const row = rows.get(layer) ?? { forward: [], gradient: [] };
    rows.set(layer, row);
    row[roles[i] === "gradient" ? "gradient" : "forward"].push(i);
  });
  const chip = (i: number) => {
    const [first, second] = linesOf(nodes[i]!, stage);
    const isChosen = picked.value?.kind === "node" && picked.value.at === i;
    const isDim = found.value && !found.value.has(i);
    return (
      <li key={i}>
        <button
          type="button"
          class={`chip ${roles[i]} ${isChosen ? "chosen" : ""} ${isDim ? "dim" : ""}`}
          aria-pressed={isChosen}
          onClick={() => pick("node", i)}
        >
          {first} <span>{second}</span>
          {forwards[i]!.length > 0 && (
            <span> of {[...new Set(forwards[i]!.map((at) => nodes[at]!.op))].join(", ")}</span>
          )}
        </button>
      </li>
    );
  };
  return (
    <div class="layers" tabindex={0} role="group" aria-label="Graph by layer">
      <table>
        <thead>
          <tr>
            <th scope="col">Layer</th>
            <th scope="col">Forward and updates</th>
            <th scope="col">Gradient</th>
          </tr>
        </thead>
        <tbody>
          {[...rows].map(([layer, { forward, gradient }]) => (
            <tr key={layer}>
              <th scope="row">{layer || "outside of layers"}</th>
              <td>
                <ul>{forward.map(chip)}</ul>
              </td>
              <td>
                <ul>{gradient.map(chip)}</ul>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

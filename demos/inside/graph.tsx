import { computed, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { RecordedNode, Stage } from "../../src/recording/index.ts";
import { Choice } from "../parts/controls.tsx";
import { Layers } from "./layers.tsx";
import { type Drawing, draw } from "./layout.ts";
import { stages } from "./links.ts";
import { address, change, links, pick, picked } from "./session.ts";
import { useWidth } from "./width.ts";
import { cut, shapeOf, value } from "./words.ts";

const nodeHeight = 36;
const text = signal("");
const layer = signal("");

/** What a node is called in a drawing: two lines. */
export function linesOf({ op, name, results, attrs }: RecordedNode, stage: Stage): [string, string] {
  if (stage === "lowered") return [cut(name!, 34), String(attrs["variant"])];
  const shapes =
    results.length > 2 ? `${results.length} results` : results.map(({ shape }) => shapeOf(shape)).join(" ");
  return [
    cut(name ? `${name}` : op, 28),
    typeof attrs["value"] !== "number" ? shapes : `${value(attrs["value"])} ${shapes}`,
  ];
}

const widthOf = (stage: Stage) => (node: RecordedNode) =>
  24 + 7 * Math.max(...linesOf(node, stage).map((line) => line.length));

const drawing = computed((): Drawing | undefined => {
  const { stage, arrange } = address.value;
  const nodes = links.value?.[stage].nodes;
  return nodes && arrange === "drawing" ? draw(nodes, widthOf(stage), nodeHeight) : undefined;
});

/** Places of the nodes that the search finds; undefined without a search. */
export const found = computed((): ReadonlySet<number> | undefined => {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = links.value?.[address.value.stage];
  if (!all || (words.length === 0 && layer.value === "")) return undefined;
  const isFound = ({ op, name = "", layer: path, results, attrs, after = "" }: RecordedNode): boolean => {
    const shapes = results.map(({ shape, dtype }) => `${shapeOf(shape)} ${dtype}`).join(" ");
    const hay = `${op} ${name} ${path} ${shapes} ${after} ${JSON.stringify(attrs)}`.toLowerCase();
    return words.every((word) => hay.includes(word)) && (layer.value === "" || path === layer.value);
  };
  return new Set(all.nodes.flatMap((node, i) => (isFound(node) ? [i] : [])));
});

const names: Readonly<Record<Stage, string>> = {
  built: "As built",
  simplified: "Simplified",
  fused: "Fused",
  lowered: "Lowered to kernels",
};

const says: Readonly<Record<Stage, string>> = {
  built: "What your code describes, with the gradients and the optimizer.",
  simplified: "Without common subexpressions, arithmetic on constants and views of views.",
  fused: "Pointwise ops have joined the kernels beside them.",
  lowered: "Kernel calls. Small ones share a dispatch.",
};

export function Graph() {
  const all = links.value;
  const { stage, arrange } = address.value;
  if (!all) {
    return (
      <section class="card" aria-labelledby="graph-title">
        <h2 id="graph-title">Graph</h2>
        <p class="note">This program was compiled ahead of time, so its recording has no graph.</p>
      </section>
    );
  }
  const { nodes } = all[stage];
  const paths = [...new Set(nodes.map((node) => node.layer).filter(Boolean))];
  const matches = found.value ? [...found.value] : [];
  const next = (): void => {
    if (matches.length === 0) return;
    const now = picked.value?.kind === "node" ? picked.value.at : -1;
    pick("node", matches.find((at) => at > now) ?? matches[0]!);
  };
  return (
    <section class="card" aria-labelledby="graph-title">
      <div class="head">
        <h2 id="graph-title">Graph</h2>
        <fieldset class="choices">
          <legend class="visually-hidden">Stage of compilation</legend>
          {stages.map((each) => (
            <label key={each}>
              <input
                type="radio"
                name="stage"
                checked={each === stage}
                onChange={() => change({ stage: each, ...(picked.value?.kind === "node" && { pick: moved(each) }) })}
              />
              {names[each]} <small>{all[each].nodes.length}</small>
            </label>
          ))}
        </fieldset>
      </div>
      <p class="note">{says[stage]}</p>
      <div class="finder">
        <div class="field">
          <label for="search">Search</label>
          <input
            id="search"
            type="search"
            value={text.value}
            placeholder="op, name, layer or shape"
            onInput={({ currentTarget }) => {
              text.value = currentTarget.value;
            }}
            onKeyDown={({ key }) => key === "Enter" && next()}
          />
        </div>
        <Choice
          label="Layer"
          value={paths.includes(layer.value) ? layer.value : ""}
          options={[["", "All"], ...paths.map((path) => [path, path] as const)]}
          onChange={(path) => {
            layer.value = path;
          }}
        />
        <Choice
          label="Arrange"
          value={arrange}
          options={[
            ["drawing", "As a drawing"],
            ["layers", "By layer, gradients beside"],
          ]}
          onChange={(arrange) => change({ arrange })}
        />
        <p class="note matches" role="status">
          {found.value
            ? `${matches.length} of ${nodes.length} found${matches.length > 0 ? "; Enter goes on" : ""}`
            : ""}
        </p>
      </div>
      {drawing.value ? <Drawn drawing={drawing.value} stage={stage} /> : <Layers />}
      <ul class="legend" aria-label="Colours">
        <li class="leaf">Inputs, variables, constants</li>
        <li class="forward">Forward</li>
        <li class="gradient">Gradient</li>
        <li class="update">Update</li>
      </ul>
    </section>
  );
}

/** The node of another stage that belongs to the one picked. */
function moved(to: Stage) {
  const all = links.value!;
  const built = all[address.value.stage].built[picked.value!.at]!;
  const at = all[to].built.findIndex((own) => own.some((each) => built.includes(each)));
  return at < 0 ? undefined : { kind: "node" as const, at };
}

/** How far the drawing is zoomed; undefined as long as it fits the page, as far as one can read it. */
const scale = signal<number | undefined>(undefined);
const readable = 0.7;

function Drawn({
  drawing: { width, height, boxes, edges },
  stage,
}: {
  readonly drawing: Drawing;
  readonly stage: Stage;
}) {
  const [frame, room] = useWidth<HTMLDivElement>();
  const { nodes, roles, forwards, gradients } = links.value![stage];
  const chosen = picked.value?.kind === "node" ? picked.value.at : undefined;
  const partners = new Set(chosen === undefined ? [] : [...forwards[chosen]!, ...gradients[chosen]!]);
  const zoom = scale.value ?? Math.max(readable, Math.min(1, room / width));
  // biome-ignore lint/correctness/useExhaustiveDependencies: a chosen node stays in view when the zoom changes
  useEffect(() => {
    const box = boxes[chosen ?? roles.indexOf("forward")];
    const view = frame.current;
    if (!box || !view) return;
    const [x, y] = [box.x * zoom, box.y * zoom];
    const isOut =
      x < view.scrollLeft + 40 ||
      y < view.scrollTop + 30 ||
      x > view.scrollLeft + view.clientWidth - 40 ||
      y > view.scrollTop + view.clientHeight - 30;
    if (isOut) view.scrollTo({ left: x - view.clientWidth / 2, top: y - view.clientHeight / 2 });
  }, [chosen, boxes, zoom]);
  return (
    <>
      <div class="tools" role="group" aria-label="Zoom of the graph">
        <button
          type="button"
          class="button small"
          onClick={() => {
            scale.value = Math.min(2, zoom * 1.25);
          }}
        >
          Zoom in
        </button>
        <button
          type="button"
          class="button small"
          onClick={() => {
            scale.value = Math.max(0.2, zoom / 1.25);
          }}
        >
          Zoom out
        </button>
        <button
          type="button"
          class="button small"
          onClick={() => {
            scale.value = Math.max(0.2, Math.min(1, frame.current!.clientWidth / width));
          }}
        >
          Fit
        </button>
      </div>
      <div class="drawing" ref={frame} tabindex={0} role="group" aria-label="Drawing of the graph">
        <svg
          role="group"
          aria-label="Nodes"
          width={width * zoom}
          height={height * zoom}
          viewBox={`0 0 ${width} ${height}`}
        >
          {edges.map(({ from, to, path }) => (
            <path key={`${from}-${to}`} class={`edge ${from === chosen || to === chosen ? "chosen" : ""}`} d={path} />
          ))}
          {nodes.map((node, i) => {
            const { x, y, width: wide } = boxes[i]!;
            const [first, second] = linesOf(node, stage);
            const state = `${i === chosen ? "chosen" : ""} ${partners.has(i) ? "partner" : ""} ${found.value && !found.value.has(i) ? "dim" : ""}`;
            const act = () => pick("node", i);
            return (
              <g
                key={i}
                class={`node ${roles[i]} ${state}`}
                role="button"
                tabindex={0}
                onClick={act}
                onKeyDown={(event) => {
                  if (event.key !== "Enter" && event.key !== " ") return;
                  event.preventDefault();
                  act();
                }}
              >
                <rect x={x - wide / 2} y={y - nodeHeight / 2} width={wide} height={nodeHeight} rx={6} />
                <text x={x} y={y - 3}>
                  {first}
                </text>
                <text class="second" x={x} y={y + 12}>
                  {second}
                </text>
              </g>
            );
          })}
        </svg>
      </div>
    </>
  );
}

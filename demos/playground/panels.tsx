import { signal } from "@preact/signals";
import type { Hideable } from "./address.ts";
import { Loaded } from "./loaded.tsx";
import { compare, networks, shared } from "./session.ts";
import { shows } from "./shows.ts";

/** Sections below the network that load when they are opened. */
const loaders = {
  code: () => import("./code-panel.tsx"),
  inside: () => import("./step-panel.tsx"),
  table: () => import("./table-panel.tsx"),
  teacher: () => import("./teacher-panel.tsx"),
};

type Panel = keyof typeof loaders;

/** The one that is open. */
export const panel = signal<Panel | undefined>(undefined);

const openers: readonly (readonly [Panel & Hideable, string])[] = [
  ["code", "As code"],
  ["inside", "The step"],
  ["teacher", "Link for a class…"],
];

/** Buttons that open sections, and the section that is open. */
export function Panels() {
  const open = panel.value;
  return (
    <>
      <section class="buttons" aria-label="More">
        {shows("compare") && (
          <button
            type="button"
            id="compare"
            class="button"
            aria-pressed={networks.value.length > 1}
            onClick={() => compare(networks.value.length === 1)}
          >
            Compare two networks
          </button>
        )}
        {openers.map(
          ([name, title]) =>
            shows(name) && (
              <button
                key={name}
                type="button"
                id={`open-${name}`}
                class="button"
                aria-expanded={open === name}
                onClick={() => {
                  panel.value = open === name ? undefined : name;
                }}
              >
                {title}
              </button>
            ),
        )}
      </section>
      {open && !(open === "table" && shared.value.problem !== "own") && <Loaded key={open} load={loaders[open]} />}
    </>
  );
}

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import * as session from "./session.ts";

/** The table loads on the first click, and stays. */
const Table = signal<ComponentType | undefined>(undefined);

/** What the kernel that is shown asks of memory, and how long it would take on GPUs that are not here. */
export function ModelledCard() {
  if (!session.kernel.value) return null;
  return (
    <section class="card modelled" aria-labelledby="modelled-title">
      <div class="card-head">
        <h2 id="modelled-title">On other GPUs</h2>
        <p>Modelled, not timed</p>
      </div>
      {Table.value ? (
        <Table.value />
      ) : (
        <>
          <p class="notes">
            How often a kernel asks for each number follows from its text. With that, a model estimates its time on GPUs
            as their data sheets describe them.
          </p>
          <div class="buttons">
            <button
              id="model"
              type="button"
              class="button"
              onClick={() =>
                void import("./modelledTable.tsx").then(({ ModelledTable }) => {
                  Table.value = ModelledTable;
                })
              }
            >
              Count and model
            </button>
          </div>
        </>
      )}
    </section>
  );
}

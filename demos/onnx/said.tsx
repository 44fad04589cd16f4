import { ended, type Spot, said } from "./session.ts";

/** What the page does, and what went wrong last, where the visitor is. */
export function Said({ at }: { readonly at: Spot }) {
  const here = said.value?.at === at ? said.value : undefined;
  return (
    <>
      <p class="hint status" role="status">
        {here?.busy !== undefined && !ended.value && `${here.busy}…`}
      </p>
      {here?.refused !== undefined && (
        <p id="refused" class="refused" role="alert">
          {here.refused}
        </p>
      )}
    </>
  );
}

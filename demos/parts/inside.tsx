import { useState } from "preact/hooks";
import type { Recording } from "../../src/recording/index.ts";

/**
 * Opens the page "Look inside" with a recording that is made meanwhile. Call it in the handler of a click, or the
 * browser blocks the new tab.
 *
 * The protocol, which any app can follow: open `inside/#open=opener`; it posts `{ tilegrad: "inside" }` to its opener
 * when it is ready; answer with `{ tilegrad: "recording", recording, title }`, or `{ tilegrad: "recording", error }`.
 * @param make as `() => program.record(batch)`, for example in a worker.
 * @param title what the page calls the recording.
 * @param page the address of the page.
 * @returns false where the browser blocked the tab.
 */
export function openInside(make: () => Promise<Recording>, title: string, page = "../inside/"): boolean {
  const tab = open(new URL(`${page}#open=opener`, location.href));
  if (!tab) return false;
  const made = make().then(
    (recording) => ({ tilegrad: "recording", recording, title }),
    (error: unknown) => ({ tilegrad: "recording", error: error instanceof Error ? error.message : String(error) }),
  );
  addEventListener("message", async ({ source, data }) => {
    if (source === tab && data?.tilegrad === "inside") tab.postMessage(await made, "*");
  });
  return true;
}

export interface LookInsideProps {
  /** Records one step. */
  readonly record: () => Promise<Recording>;
  readonly title: string;
  readonly disabled?: boolean;
}

/** A button that records one step and opens it in a tab of its own. */
export function LookInside({ record, title, disabled = false }: LookInsideProps) {
  const [isBlocked, block] = useState(false);
  return (
    <>
      <button
        type="button"
        class="button"
        disabled={disabled}
        title="Records one step: every kernel, buffer and tensor of it"
        onClick={() => block(!openInside(record, title))}
      >
        Look inside
      </button>
      {isBlocked && <span role="alert">The browser blocked the new tab: allow pop-ups for this page.</span>}
    </>
  );
}

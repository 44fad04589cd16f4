import { strangeBackend } from "./backend.ts";

/** Says which parts of a link the page did not understand, if there are any. @param parts those of its hash. */
export function Unread({ parts: ofHash = [] }: { readonly parts: readonly string[] | undefined }) {
  const parts = [...strangeBackend, ...ofHash];
  return parts.length === 0 ? null : (
    <p class="hint" id="unread" role="status">
      This page does not understand {parts.length === 1 ? "a part" : "parts"} of the link: {parts.join(", ")}. The usual
      settings take {parts.length === 1 ? "its" : "their"} place.
    </p>
  );
}

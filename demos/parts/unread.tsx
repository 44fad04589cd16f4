/** Says which parts of a link the page did not understand, if there are any. */
export const Unread = ({ parts }: { readonly parts: readonly string[] }) =>
  parts.length === 0 ? null : (
    <p class="hint" id="unread" role="status">
      This page does not understand {parts.length === 1 ? "a part" : "parts"} of the link: {parts.join(", ")}. The usual
      settings take {parts.length === 1 ? "its" : "their"} place.
    </p>
  );

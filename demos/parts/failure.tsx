import { Notice } from "./controls.tsx";

/** What ended the work of a page, if something did, and the way to start over. */
export const Failure = ({ reason }: { readonly reason: string | undefined }) =>
  reason === undefined ? null : (
    <Notice>
      <p>{reason}</p>
      <button type="button" class="button" onClick={() => location.reload()}>
        Reload
      </button>
    </Notice>
  );

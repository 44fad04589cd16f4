import { useSignal } from "@preact/signals";
import { CopyButton } from "../parts/copy.tsx";
import { type Hideable, hideable } from "./address.ts";
import { hashOf } from "./session.ts";

/** Makes a link to this page with parts of it hidden. */
export default function TeacherPanel() {
  const hide = useSignal<readonly Hideable[]>(["teacher"]);
  const link = `${location.origin}${location.pathname}#${hashOf({ hide: hide.value })}`;
  return (
    <section class="card panel" aria-labelledby="panel-title">
      <h2 id="panel-title">Link for a class</h2>
      <p class="hint">
        The link opens the page with the present settings, and hides every part that is not marked below. Click a part
        to mark it or not. This page stays as it is.
      </p>
      <fieldset class="choices">
        <legend class="visually-hidden">What the link shows</legend>
        {(Object.entries(hideable) as [Hideable, string][]).map(([part, name]) => (
          <label key={part}>
            <input
              type="checkbox"
              checked={!hide.value.includes(part)}
              onChange={({ currentTarget: { checked } }) => {
                const others = hide.value.filter((other) => other !== part);
                hide.value = checked ? others : [...others, part];
              }}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <p class="link-row">
        <a id="class-link" href={link} target="_blank" rel="noreferrer">
          {link}
        </a>
        <CopyButton text={link} />
      </p>
    </section>
  );
}

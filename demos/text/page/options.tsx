import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { Choice } from "../../parts/controls.tsx";
import { names } from "./names.ts";
import { least, shortcoming } from "./own.ts";
import { change, settings } from "./session.ts";
import { batchSizes, depths, longestText, type Model, models, rates, sources, units } from "./settings.ts";

/** What settings can be, in words. */
const words: Readonly<Record<string, string>> = {
  names: "First names",
  last: "Last names",
  book: "Moby-Dick",
  tags: "First or last?",
  own: "Your text",
  ...names,
};

const named = <T extends string | number>(values: readonly T[]) =>
  values.map((value) => [value, words[String(value)] ?? String(value)] as const);

export function Options() {
  const now = settings.value;
  const draft = useSignal(now.source === "own");
  return (
    <section class="card options" aria-label="Text and network">
      <Choice
        label="Text"
        value={draft.value ? "own" : now.source}
        options={named(sources)}
        onChange={(source) => {
          draft.value = source === "own";
          if (source !== "own" || shortcoming(now.own) === undefined) change({ source });
        }}
      />
      <Choice label="Network" value={now.model} options={named(models)} onChange={chooseNetwork} />
      <Choice
        label={now.model === "transformer" ? "Blocks" : "Layers"}
        value={now.layers}
        options={named(depths)}
        onChange={(layers) => change({ layers })}
      />
      <Choice
        label={now.model === "transformer" ? "Size" : "Hidden units"}
        value={now.hidden}
        options={named(units)}
        onChange={(hidden) => change({ hidden })}
      />
      <Choice
        label="Batch size"
        value={now.batch}
        options={named(batchSizes)}
        onChange={(batch) => change({ batch })}
      />
      {now.source === "tags" && (
        <Choice
          label="It reads"
          value={now.both}
          options={[
            [1, "Both ways"],
            [0, "Forwards"],
          ]}
          onChange={(both) => change({ both })}
        />
      )}
      <Choice label="Learning rate" value={now.rate} options={named(rates)} onChange={(rate) => change({ rate })} />
      {draft.value && <Own />}
    </section>
  );
}

/** A transformer learns at smaller rates. */
const chooseNetwork = (model: Model): void =>
  change({ model, ...(model === "transformer" && { rate: Math.min(settings.value.rate, 0.003) }) });

/** A text of the visitor's. */
function Own() {
  const id = useId();
  const text = useSignal(settings.value.own);
  const lacks = shortcoming(text.value);
  const { own, source } = settings.value;
  return (
    <form
      class="own"
      onSubmit={(event) => {
        event.preventDefault();
        change({ source: "own", own: text.value });
      }}
    >
      <label for={id}>
        Your text, or a list with a name or word on each line. It stays in this page and its address.
      </label>
      <textarea
        id={id}
        rows={6}
        maxLength={longestText}
        value={text.value}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
      />
      <div class="own-end">
        <button
          type="submit"
          class="button primary"
          disabled={lacks !== undefined || (source === "own" && own === text.value)}
        >
          Learn this text
        </button>
        <p class="legend" role="status">
          {source !== "own" && `Below, the network still learns from “${words[source]}”. `}
          {text.value === "" ? `Paste a text, then press the button. It needs at least ${least}.` : lacks}
        </p>
      </div>
    </form>
  );
}

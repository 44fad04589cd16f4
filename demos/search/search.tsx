import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Found } from "./entry.ts";

/** Loaded with the first search, and again where that failed. */
let finder: Promise<(words: string) => Found[]> | undefined;

async function load({ root, first }: SearchProps): Promise<(words: string) => Found[]> {
  const { find, openIndex } = await import("./loading.ts");
  const index = await openIndex(root);
  return (words) => find(index, words, first);
}

export interface SearchProps {
  /** The address of the site's root, from this page. */
  readonly root: string;
  /** A kind that comes before the others. */
  readonly first?: Found["kind"];
}

const kinds = { lesson: "Lesson", guide: "Guide", reference: "Reference" } as const;

/** Whether what is typed goes into a text: also into one inside of a shadow root, as the editors of cells are. */
function isWritten(event: KeyboardEvent): boolean {
  const [target] = event.composedPath();
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}

const entriesOf = (found: readonly Found[] | "loading" | "failed"): readonly Found[] =>
  typeof found === "string" ? [] : found;

/** One search over lessons, guides and the reference. The key `/` leads to it. */
export function Search(props: SearchProps) {
  const { root } = props;
  const words = useSignal("");
  const found = useSignal<readonly Found[] | "loading" | "failed">([]);
  const field = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isWritten(event)) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const update = async (text: string): Promise<void> => {
    words.value = text;
    if (text.trim() === "") {
      found.value = [];
      return;
    }
    if (!finder) found.value = "loading";
    finder ??= load(props);
    try {
      const entries = (await finder)(text);
      if (words.value === text) found.value = entries;
    } catch {
      finder = undefined;
      if (words.value === text) found.value = "failed";
    }
  };
  /** Arrows walk from the field through what is found, and Escape leads back. */
  const walk = (event: KeyboardEvent): void => {
    const stops = [field.current!, ...box.current!.querySelectorAll<HTMLElement>(".found a")];
    const at = stops.indexOf(event.target as HTMLElement);
    if (event.key === "Escape") {
      if (at === 0) void update("");
      stops[0]!.focus();
    } else if (event.key === "ArrowDown") stops[Math.min(at + 1, stops.length - 1)]!.focus();
    else if (event.key === "ArrowUp") stops[Math.max(at - 1, 0)]!.focus();
    else if (event.key === "Enter" && at === 0) stops[1]?.click();
    else return;
    event.preventDefault();
  };
  return (
    <search class="search" ref={box} onKeyDown={walk}>
      <div class="field">
        <label for="search">
          <span>
            Search lessons, guides and reference <kbd>/</kbd>
          </span>
        </label>
        <input
          id="search"
          type="text"
          ref={field}
          value={words}
          autocomplete="off"
          maxLength={200}
          aria-keyshortcuts="/"
          placeholder="learning rate, XOR, crossEntropy …"
          onInput={({ currentTarget }) => void update(currentTarget.value)}
        />
      </div>
      <div role="status">
        {words.value.trim() !== "" && (
          <ul class="found">
            {entriesOf(found.value).map(({ id, kind, name, place, address }) => (
              <li key={id}>
                <a href={root + address}>{name}</a>{" "}
                <span>
                  {kinds[kind]}
                  {place !== name && ` · ${place}`}
                </span>
              </li>
            ))}
            {found.value === "loading" && <li>Loading …</li>}
            {found.value === "failed" && <li>The index did not load. Type on to try again.</li>}
            {found.value.length === 0 && <li>Nothing found.</li>}
          </ul>
        )}
      </div>
    </search>
  );
}

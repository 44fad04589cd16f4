import { useSignal } from "@preact/signals";
import type MiniSearch from "minisearch";
import { render } from "preact";
import { sayAdapter } from "./page/adapter.tsx";
import { isTeacher, kept, setTeacher } from "./page/keeping.ts";
import type { Section } from "./page/sections.ts";

/** What is found is a section of a lesson: its words are in a file that loads with the first search. */
let index: Promise<MiniSearch<Section>> | undefined;

async function find(words: string): Promise<Section[]> {
  index ??= import("./page/search.ts").then(({ openIndex }) => openIndex());
  return (await index).search(words).slice(0, 8) as unknown as Section[];
}

function Tools() {
  const words = useSignal("");
  const found = useSignal<readonly Section[]>([]);
  const teaches = useSignal(isTeacher());
  const search = async (text: string): Promise<void> => {
    words.value = text;
    const sections = text.trim() === "" ? [] : await find(text);
    if (words.value === text) found.value = sections;
  };
  return (
    <section class="tools" aria-label="Find and set up">
      <div class="field">
        <label for="search">Search in all lessons</label>
        <input
          id="search"
          type="text"
          autocomplete="off"
          placeholder="learning rate, XOR, sigmoid …"
          onInput={({ currentTarget }) => void search(currentTarget.value)}
        />
      </div>
      <label class="teacher">
        <input
          type="checkbox"
          checked={teaches.value}
          onChange={({ currentTarget }) => {
            teaches.value = currentTarget.checked;
            setTeacher(currentTarget.checked);
          }}
        />{" "}
        I teach: open the teacher's notes of each lesson
      </label>
      <div role="status">
        {words.value.trim() !== "" && (
          <ul class="found">
            {found.value.map(({ id, title, heading, address }) => (
              <li key={id}>
                <a href={address}>{heading}</a> <span>in {title}</span>
              </li>
            ))}
            {found.value.length === 0 && <li>Nothing found.</li>}
          </ul>
        )}
      </div>
    </section>
  );
}

for (const element of document.querySelectorAll<HTMLElement>("[data-lesson]")) {
  const { isDone, texts, solved } = kept(element.dataset["lesson"]!);
  const isBegun = solved.length > 0 || Object.keys(texts).length > 0;
  const state = isDone ? "done" : isBegun ? "begun" : "";
  element.dataset["state"] = state;
  element.querySelector(".progress")!.textContent = state;
}
render(<Tools />, document.getElementById("tools")!);
void sayAdapter(document.getElementById("adapter")!);

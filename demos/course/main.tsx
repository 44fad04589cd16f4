import { useSignal } from "@preact/signals";
import { render } from "preact";
import { Search } from "../search/search.tsx";
import { sayAdapter } from "./page/adapter.tsx";
import { isTeacher, kept, setTeacher } from "./page/keeping.ts";

function Tools() {
  const teaches = useSignal(isTeacher());
  return (
    <section class="tools" aria-label="Find and set up">
      <Search root="../" first="lesson" />
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
    </section>
  );
}

for (const element of document.querySelectorAll<HTMLElement>("[data-lesson]")) {
  const { isDone, texts, solved } = kept(element.dataset["lesson"]!);
  const isBegun = solved.length > 0 || texts.length > 0;
  const state = isDone ? "done" : isBegun ? "begun" : "";
  element.dataset["state"] = state;
  element.querySelector(".progress")!.textContent = state;
}
render(<Tools />, document.getElementById("tools")!);
void sayAdapter(document.getElementById("adapter")!);

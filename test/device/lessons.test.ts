import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cell, cellsOf, type Exercise, parseLesson } from "../../demos/course/build/lesson.ts";
import { compile } from "../../demos/course/cells/compile.ts";
import { load } from "../../demos/course/cells/modules.ts";
import { messageOf, Notebook } from "../../demos/course/cells/notebook.ts";
import { type Shown, showTo } from "../../src/show/index.ts";
import { createWasm } from "../../src/wasm/index.ts";
import { inChrome, spares } from "../place.ts";

/*
 * All lessons of the course, as a reader runs them: every cell in order, the claims of the text beside each, and every
 * exercise with its solution and as the reader finds it.
 */

const files = import.meta.glob<string>("../../demos/course/lessons/*.md", {
  query: "?raw",
  import: "default",
  eager: true,
});
const lessons = Object.entries(files)
  .map(([path, text]) => parseLesson(/([\w-]+)\.md$/.exec(path)![1]!, text))
  .sort((a, b) => a.order - b.order);
/** All in Node; in Chrome the first and a middle one, unless `VITE_ALL` is set. */
const tried = spares ? [0, 0.5].map((at) => lessons[Math.round(at * (lessons.length - 1))]!) : lessons;

/** Lessons whose kernels share workgroup memory, which WebAssembly has not. */
const needWebGPU: readonly string[] = ["kernels"];

/** Checks that have been made: what each says, and whether it holds. */
type Verdicts = Record<string, boolean>;

/** In Node, lessons run in WebAssembly: readers without WebGPU have that, and it takes a third of the time. @returns how to end it. */
function withoutWebGPU(): () => void {
  if (inChrome) return () => {};
  const { gpu } = navigator;
  const put = (value: GPU) => Object.defineProperty(navigator, "gpu", { value, configurable: true });
  put(createWasm());
  return () => put(gpu);
}

describe.each(tried.map((lesson) => [lesson.name, lesson] as const))("%s", (_, lesson) => {
  const book = new Notebook(load);
  let verdicts: Verdicts = {};
  const shown: Shown[] = [];
  let restore = (): void => {};
  beforeAll(() => {
    const ends = [showTo((each) => shown.push(each)), needWebGPU.includes(lesson.name) ? () => {} : withoutWebGPU()];
    restore = () => {
      for (const end of ends) end();
    };
    book.define("check", (what: string, holds: boolean) => {
      verdicts[what] = holds;
    });
  });
  afterAll(() => {
    restore();
    (book.valueOf("engine") as { destroy(): void } | undefined)?.destroy();
  });

  /** Runs code. @returns what its checks say. @throws Error with the cell's line. */
  async function run(cell: string, code: string, isCheck = false): Promise<Verdicts> {
    verdicts = {};
    try {
      // The page has no checks of cells, so nothing may rest on what one defines.
      await book[isCheck ? "runApart" : "run"](cell, compile(code));
    } catch (error) {
      const { line, column } = book.placeOf(error) ?? {};
      throw new Error(`${cell}, line ${line}, column ${column}: ${messageOf(error)}`, { cause: error });
    }
    return verdicts;
  }

  async function runCell({ number, code, checks }: Cell): Promise<void> {
    shown.length = 0;
    await run(`cell ${number}`, code);
    expect(shown.length, "things that the cell shows").toBeGreaterThan(0);
    for (const claims of checks) {
      const made = await run(`checks of cell ${number}`, claims, true);
      expect(Object.keys(made).length).toBeGreaterThan(0);
      for (const [what, holds] of Object.entries(made)) expect(holds, what).toBe(true);
    }
  }

  /** Whether code passes the checks of an exercise. Code that fails to run does not. */
  async function passes(name: string, { check }: Exercise, code: string): Promise<Verdicts> {
    await run(name, code);
    return run(`check of ${name}`, check, true);
  }

  async function runExercise(exercise: Exercise): Promise<void> {
    const name = `exercise ${exercise.number}`;
    const before = await passes(name, exercise, exercise.code).catch((): Verdicts => ({ "it runs": false }));
    expect(Object.values(before), "checks of the exercise as the reader finds it").toContain(false);
    for (const [i, wrong] of exercise.wrong.entries()) {
      const made = await passes(`wrong answer ${i + 1} to ${name}`, exercise, wrong);
      expect(Object.values(made), `checks of wrong answer ${i + 1}`).toContain(false);
    }
    const after = await passes(`solution of ${name}`, exercise, exercise.solution);
    expect(Object.keys(after).length).toBeGreaterThan(0);
    for (const [what, holds] of Object.entries(after)) expect(holds, what).toBe(true);
  }

  test.each(cellsOf(lesson).map((cell) => [`${cell.kind} ${cell.number}`, cell] as const))("%s", async (_, cell) => {
    await (cell.kind === "cell" ? runCell(cell) : runExercise(cell));
  });
});

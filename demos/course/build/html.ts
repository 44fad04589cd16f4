import type { Token } from "marked";
import { headOf } from "../../reading/head.ts";
import { compile } from "../cells/compile.ts";
import type { Compiled } from "../cells/compiled.ts";
import { placeOf } from "../cells/edits.ts";
import { CellError } from "../cells/error.ts";
import type { Content } from "../page/content.ts";
import { escaped, highlighted } from "./highlight.ts";
import { type Cell, cellsOf, type Exercise, type Lesson, lengthsOf } from "./lesson.ts";
import { madeOf, markdown } from "./markdown.ts";

const render = (tokens: readonly Token[]): string => markdown.parser([...tokens]);

/** Where a page finds its neighbours, its styles and its script. */
export interface Frame {
  /** What stands in the head: links to styles and scripts. */
  readonly head: string;
  /** Its number in the course, from 1. */
  readonly number: number | undefined;
  readonly before: Lesson | undefined;
  readonly after: Lesson | undefined;
}

/**
 * A lesson as HTML. All of it can be read without scripts; cells run with one.
 * @throws Error for a mistake in a cell or a formula, which names the lesson's file.
 */
export const lessonPage = (lesson: Lesson, frame: Frame): string =>
  madeOf(`demos/course/lessons/${lesson.name}.md`, () => pageOf(lesson, frame));

function pageOf(lesson: Lesson, { head, number, before, after }: Frame): string {
  const { title, summary, part, minutes, skills, notes } = lesson;
  const body = lesson.blocks.map((block) =>
    block.kind === "prose" ? render(block.tokens) : block.kind === "cell" ? cellHtml(block) : exerciseHtml(block),
  );
  return `<!doctype html>
<html lang="en">
  <head>
    ${headOf(title, summary)}
    ${head}
  </head>
  <body>
    <main class="page lesson">
      <header>
        ${ofSite('<a class="home" href="./">← The course</a>')}
        <p class="part">${number === undefined ? "" : ofSite(`Lesson ${number} · `)}${escaped(part)} · ${minutes} minutes</p>
        <h1>${escaped(title)}</h1>
        <p class="lead">${escaped(summary)}</p>
        ${ofSite('<div id="find" data-root="../"></div>')}
        <div id="bar"></div>
        <div id="adapter"></div>
        ${onlyAlone('<p class="files">This is the lesson in one file. Its editor is a plain text box; the editor with colours, “Look inside”, which shows the kernels of a cell, and the other pages that the text names are in the site.</p>')}
      </header>
      <noscript><p class="notice">Cells run with JavaScript, which is turned off here. The text needs none.</p></noscript>
      <article>
${body.join("\n")}
      </article>
      <section class="card skills" aria-labelledby="skills">
        <h2 id="skills">What you can do now</h2>
        ${render(skills)}
      </section>
      <details class="card notes">
        <summary><h2>Teacher's notes</h2></summary>
        ${render(notes)}
        ${kerasHtml(lesson)}
      </details>
      ${ofSite(neighbours(lesson, before, after))}
    </main>
    <script type="application/json" id="content">${JSON.stringify(contentOf(lesson)).replaceAll("<", "\\u003c")}</script>
  </body>
</html>
`;
}

/** What only the site has: a lesson in one file has no neighbours. */
const ofSite = (html: string): string => `<!-- site -->${html}<!-- /site -->`;

/** What only a single file has. */
const onlyAlone = (html: string): string => `<!-- alone ${html} -->`;

const cellHtml = (cell: Cell | Exercise, what = "Cell"): string => `<div class="cell" id="cell-${cell.number}">
<div class="cell-code"><pre tabindex="0" role="region" aria-label="${what} ${cell.number}"><code>${highlighted(cell.code, true)}</code></pre></div>
<div class="cell-controls"></div>
</div>`;

const exerciseHtml = (exercise: Exercise): string => `${cellHtml(exercise, "Exercise")}
<details class="aid"><summary>Hint</summary>${render(markdown.lexer(exercise.hint))}</details>
<details class="aid"><summary>Solution</summary><pre tabindex="0"><code>${highlighted(exercise.solution, true)}</code></pre></details>`;

function kerasHtml(lesson: Lesson): string {
  const { here, keras } = lengthsOf(lesson);
  return `<h3>The same in Keras</h3>
        <p>The program of this lesson has ${here} lines, the same in Keras ${keras}, both without comments and empty lines.</p>
        <pre tabindex="0"><code>${highlighted(lesson.keras, false)}</code></pre>`;
}

function neighbours(lesson: Lesson, before: Lesson | undefined, after: Lesson | undefined): string {
  const link = (to: Lesson | undefined, rel: string, word: string): string =>
    to ? `<a rel="${rel}" href="${to.name}.html"><span>${word}</span> ${escaped(to.title)}</a>` : "";
  return `<p class="files">Take it with you: <a href="${lesson.name}.ts" download>a program for Node</a>,
        <a id="alone" href="alone.json" download="${lesson.name}.html">one file that runs without a network</a>, with a plain editor and without “Look inside”.</p>
      <nav class="neighbours" aria-label="Lessons">
        ${link(before, "prev", "Before:") || "<span></span>"}
        ${link(after, "next", "Next:") || '<a href="../"><span>This was the last lesson. Next:</span> demos to play with</a>'}
      </nav>`;
}

/** Compiles a cell. @throws Error that names the cell and the line. */
function compiled(number: number, code: string): Compiled {
  try {
    return compile(code);
  } catch (error) {
    if (!(error instanceof CellError)) throw error;
    const { line, column } = placeOf(code, error.at);
    throw new Error(`block ${number}, line ${line}, column ${column}: ${error.message}`);
  }
}

/** What the page's script needs. */
function contentOf(lesson: Lesson): Content {
  const given = cellsOf(lesson).map((cell) => ({ ...cell, compiled: compiled(cell.number, cell.code) }));
  const names = new Set(["check", ...given.flatMap(({ compiled }) => compiled.defines)]);
  // Most other names are those of the language. They would double the size of the page.
  const short = (compiled: Compiled) => ({ ...compiled, free: compiled.free.filter(({ name }) => names.has(name)) });
  const cells = given.map((cell) => ({
    number: cell.number,
    code: cell.code,
    // Without types it is the same text, as a rule.
    compiled: { ...short(cell.compiled), code: cell.compiled.code === cell.code ? undefined : cell.compiled.code },
    ...(cell.kind === "exercise" ? { check: short(compiled(cell.number, cell.check)) } : {}),
  }));
  return { name: lesson.name, title: lesson.title, cells };
}

/** Addresses that a lesson links to, as its file has them. */
export function linksOf(lesson: Lesson): string[] {
  const found: string[] = [];
  const visit = (token: Token): void => {
    if (token.type === "link") found.push((token as { href: string }).href);
  };
  const hints = cellsOf(lesson).flatMap((cell) => (cell.kind === "exercise" ? markdown.lexer(cell.hint) : []));
  const prose = lesson.blocks.flatMap((block) => (block.kind === "prose" ? block.tokens : []));
  markdown.walkTokens([...prose, ...lesson.skills, ...lesson.notes, ...hints], visit);
  return found;
}

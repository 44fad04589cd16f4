import type { Token, Tokens } from "marked";
import { parse as parseYaml } from "yaml";
import { markdown } from "./markdown.ts";

/** What stands above a lesson. */
interface Front {
  readonly title: string;
  readonly part: string;
  /** Its place in the course. */
  readonly order: number;
  readonly minutes: number;
  /** One sentence: what the lesson is about. */
  readonly summary: string;
}

/** Code that runs in the page. */
export interface Cell {
  readonly kind: "cell";
  /** Its number in the lesson, from 1, counted with exercises. */
  readonly number: number;
  readonly code: string;
  /** Whether it is part of the program whose length is compared with Keras. */
  readonly isCore: boolean;
  /** Claims of the text around it: only tests run them. */
  readonly checks: readonly string[];
}

/** Code that the reader completes. */
export interface Exercise {
  readonly kind: "exercise";
  readonly number: number;
  /** What the reader begins with. */
  readonly code: string;
  /** Markdown. */
  readonly hint: string;
  readonly solution: string;
  /** Tells whether the code is right. */
  readonly check: string;
  /** Code that must not pass: only tests run it. */
  readonly wrong: readonly string[];
}

/** Text between cells, as tokens of Markdown. */
export interface Prose {
  readonly kind: "prose";
  readonly tokens: readonly Token[];
}

export interface Lesson extends Front {
  readonly name: string;
  readonly blocks: readonly (Prose | Cell | Exercise)[];
  /** What you can do now. */
  readonly skills: readonly Token[];
  readonly notes: readonly Token[];
  /** The same program in Keras. */
  readonly keras: string;
}

/** Headings of the parts that every lesson ends with. */
const [skillsHeading, notesHeading] = ["What you can do now", "Teacher's notes"];

/**
 * A lesson from its Markdown.
 * @param name of its file, without the ending.
 * @throws Error that names the lesson and what its form lacks.
 */
export function parseLesson(name: string, text: string): Lesson {
  const fail = (fault: string): never => {
    throw new Error(`lesson ${name}: ${fault}`);
  };
  const [, above, below] = /^---\n(.*?)\n---\n(.*)$/s.exec(text) ?? fail("begins with no front matter");
  const front = frontOf(yamlOf(above!, fail), fail);
  const blocks: (Prose | Writable<Cell> | Writable<Exercise>)[] = [];
  const ends: Record<string, Token[]> = { [skillsHeading]: [], [notesHeading]: [] };
  let keras = "";
  let number = 0;
  let place: Token[] | undefined;
  for (const token of markdown.lexer(below!)) {
    if (token.type === "space") continue;
    if (token.type === "heading" && token.depth <= 2)
      place = Object.hasOwn(ends, token.text) ? ends[token.text] : undefined;
    if (token.type === "heading" && place?.length === 0 && token.text in ends) {
      place.push(token);
      continue;
    }
    const last = blocks.at(-1);
    const [language, what, ...marks] = token.type === "code" ? ((token as Tokens.Code).lang ?? "").split(" ") : [];
    const code = token.type === "code" ? (token as Tokens.Code).text : "";
    switch (what && `${language} ${what}`) {
      case "ts cell":
        blocks.push({ kind: "cell", number: ++number, code, isCore: marks.includes("core"), checks: [] });
        break;
      case "ts exercise":
        blocks.push({ kind: "exercise", number: ++number, code, hint: "", solution: "", check: "", wrong: [] });
        break;
      case "ts check": {
        const of = blocks.findLast(({ kind }) => kind !== "prose");
        if (of?.kind === "cell") of.checks = [...of.checks, code];
        else if (of?.kind === "exercise") {
          if (of.check) fail(`the exercise in block ${of.number} has two checks`);
          of.check = code;
        } else fail("a check follows no cell");
        break;
      }
      case "ts wrong":
        if (last?.kind !== "exercise") fail("a wrong answer follows no exercise");
        else last.wrong = [...last.wrong, code];
        break;
      case "ts solution":
      case "md hint":
        if (last?.kind !== "exercise") fail(`a ${what} follows no exercise`);
        else if (last[what as "solution" | "hint"]) fail(`the exercise in block ${last.number} has two of: ${what}`);
        else last[what as "solution" | "hint"] = code;
        break;
      case "python keras":
        keras = code;
        break;
      case undefined:
        if (place) place.push(token);
        else if (last?.kind === "prose") (last.tokens as Token[]).push(token);
        else blocks.push({ kind: "prose", tokens: [token] });
        break;
      default:
        fail(`a block of code is "${language} ${what}"; see demos/course/README.md for those that exist`);
    }
  }
  for (const block of blocks)
    if (block.kind === "exercise" && !(block.hint && block.solution && block.check))
      fail(`the exercise in block ${block.number} lacks its hint, its solution or its check`);
  for (const [heading, tokens] of Object.entries(ends)) if (tokens.length < 2) fail(`has no section "${heading}"`);
  if (!keras) fail("compares no program with Keras: a block python keras in the notes");
  const [skills, notes] = [ends[skillsHeading]!.slice(1), ends[notesHeading]!.slice(1)];
  return { name, ...front, blocks, skills, notes, keras };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function yamlOf(text: string, fail: (fault: string) => never): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    return fail(`front matter: ${(error as Error).message}`);
  }
}

function frontOf(given: unknown, fail: (fault: string) => never): Front {
  const { title, part, order, minutes, summary } = Object(given) as Record<string, unknown>;
  for (const [key, value] of Object.entries({ title, part, summary }))
    if (typeof value !== "string") fail(`${key} is ${JSON.stringify(value)}, expected a text`);
  for (const [key, value] of Object.entries({ order, minutes }))
    if (!Number.isInteger(value)) fail(`${key} is ${JSON.stringify(value)}, expected a whole number`);
  return { title, part, order, minutes, summary } as Front;
}

/** The cells and exercises of a lesson, in order. */
export const cellsOf = ({ blocks }: Lesson): (Cell | Exercise)[] =>
  blocks.filter((block): block is Cell | Exercise => block.kind !== "prose");

/** Lines of code, without comments and empty ones. */
const linesOf = (code: string): number => code.split("\n").filter((line) => !/^\s*(?:#.*|\/\/.*)?$/.test(line)).length;

/** Lines of the lesson's program and of the same in Keras. */
export function lengthsOf(lesson: Lesson): { readonly here: number; readonly keras: number } {
  const core = cellsOf(lesson).filter((cell) => cell.kind === "cell" && cell.isCore);
  return { here: core.reduce((sum, { code }) => sum + linesOf(code), 0), keras: linesOf(lesson.keras) };
}

import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aloneHtml } from "../../demos/course/build/alone.ts";
import { cellsOf, type Exercise } from "../../demos/course/build/lesson.ts";
import { programOf } from "../../demos/course/build/program.ts";
import { readLessons } from "../../demos/course/build/shelf.ts";
import { launchChrome } from "../browser/chrome.ts";
import { run } from "./command.ts";
import { appWithTilegrad } from "./installed.ts";
import { expectAccessible, expectLight } from "./judged.ts";
import { site } from "./pages.ts";

/*
 * The course as a learner uses it: under a policy that lets only the worker of cells make code of text, from a disk
 * without a network, and in Node.
 */

const lessons = readLessons();
const { open } = site("course");

/** Clicks a button once it is there: a page makes some of them itself. */
async function click(page: Page, name: string): Promise<void> {
  const button = await page.waitForSelector(`::-p-aria([name="${name}"][role="button"])`);
  await button!.click();
}

/** Waits until nothing runs or waits: from the second frame on, the page shows what a click began. */
async function rested(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await page.waitForFunction(() => document.querySelector("#bar .primary")?.matches(":enabled") === true);
}

const textsOf = (page: Page, selector: string) =>
  page.$$eval(selector, (all) => all.map((element) => element.textContent!.trim()));

const output = async (page: Page, cell: number) => (await textsOf(page, `#cell-${cell} .shown`)).join("\n");

/** Opens the editor of a cell, and writes a text in place of what is there. */
async function write(page: Page, cell: number, code: string): Promise<void> {
  const edit = await page.$(`#cell-${cell} ::-p-text(Edit)`);
  await edit?.click();
  const editor = await page.waitForSelector(`#cell-${cell} textarea, #cell-${cell} >>> .cm-content`);
  await editor!.click();
  await page.keyboard.down("Control");
  await page.keyboard.press("KeyA");
  await page.keyboard.up("Control");
  // As pasted: typed brackets would be closed by the editor.
  await page.keyboard.sendCharacter(code);
}

describe("the first lesson", () => {
  test("is read, run, edited, broken and mended, on WebGPU", async () => {
    const page = await open("neuron.html", { backend: "webgpu" });
    await page.waitForSelector(".adapter");
    expect(await textsOf(page, ".adapter")).toEqual([expect.stringMatching(/^Runs on \S/)]);
    await click(page, "Run cell 1");
    await rested(page);
    expect(await output(page, 1)).toBe("z = -1");

    // A cell brings those above with it.
    await click(page, "Run cell 3");
    await rested(page);
    expect(await output(page, 2)).toMatch(/^a = 0\.268941/);
    expect(await page.$eval("#cell-2 img", (img) => img.getAttribute("alt"))).toMatch(/^The sigmoid and its slope: /);
    expect(await output(page, 3)).toMatch(/^loss = 0\.267223/);

    // Before an editor is opened, none has been loaded.
    await expectLight(page, 120);

    await write(
      page,
      1,
      "const x = [1, 2];\nconst w: number[] = [0.5, -2];\nconst b = 0.5;\nconst z = w[0] * x[0] + w[1] * x[1] + b;\nz",
    );
    await expectLight(page, 300);
    expect(await textsOf(page, "#cell-2 .state")).toEqual(["not up to date: something above has changed"]);
    await page.keyboard.down("Control");
    await page.keyboard.press("Enter");
    await page.keyboard.up("Control");
    await rested(page);
    expect(await output(page, 1)).toBe("-3");
    await click(page, "Run all above cell 3");
    await rested(page);
    expect(await output(page, 2)).toMatch(/^a = 0\.0474259/);

    // A mistake is named with its place, in the cell where it is.
    await write(page, 1, "const x = [1, 2];\nconst z = x[0] + y;");
    await click(page, "Run cell 1");
    await rested(page);
    expect(await textsOf(page, "#cell-1 .mistake")).toEqual(["line 2, column 18: ReferenceError: y is not defined"]);
    await write(page, 1, "const x = [1, 2;\n");
    await click(page, "Run cell 1");
    await rested(page);
    expect(await textsOf(page, "#cell-1 .mistake")).toEqual(["line 1, column 16: SyntaxError: Unexpected token"]);

    // It is kept over a reload, and reset.
    await page.reload();
    await page.waitForSelector("#cell-1 >>> .cm-content");
    await click(page, "Reset cell 1");
    await click(page, "Run all cells");
    await rested(page);
    expect(await output(page, 1)).toBe("z = -1");
    expect(await output(page, 6)).toMatch(/output: Float32Array\(1\) \[0\.268941\]/);
    expect(await textsOf(page, ".mistake")).toEqual([]);
  });

  test("has exercises that fail, then hold, and stay solved", async () => {
    const page = await open("neuron.html");
    await click(page, "Run and check exercise 7");
    await rested(page);
    expect((await textsOf(page, "#cell-7 .fails")).length).toBeGreaterThan(0);
    await write(page, 7, "const andWeights = [10, 10];\nconst andBias = -15;");
    await click(page, "Run and check exercise 7");
    await rested(page);
    expect(await textsOf(page, "#cell-7 .fails")).toEqual([]);
    expect((await textsOf(page, "#cell-7 .holds")).length).toBe(4);
    expect(await textsOf(page, "#cell-7 .solved")).toEqual(["solved"]);
    await page.reload();
    await page.waitForSelector("#cell-7 .solved");
  });

  test("loads data that lies beside the page", async () => {
    const page = await open("neuron.html");
    await write(page, 1, 'import { penguins } from "tilegrad/datasets";\nconst table = await penguins();\ntable.rows');
    await click(page, "Run cell 1");
    await rested(page);
    expect(await output(page, 1)).toBe("344");
    await click(page, "Reset cell 1"); // or it is kept
  });

  test("shows the kernels of a cell in a tab of their own", async () => {
    const page = await open("neuron.html");
    await click(page, "Run cell 6");
    await rested(page);
    const opened = new Promise<Page>((resolve) => page.once("popup", (tab) => resolve(tab!)));
    await page.click("#cell-6 ::-p-text(Look inside)");
    const inside = await opened;
    await inside.waitForFunction(() => document.body.textContent!.includes("One neuron by hand, cell 6"));
    await inside.close();
  });

  test("passes axe with all cells run and an editor open, in light, dark and on a phone", async () => {
    const page = await open("neuron.html");
    await click(page, "Run all cells");
    await rested(page);
    await click(page, "Edit cell 2");
    await page.waitForSelector("#cell-2 >>> .cm-content");
    await page.$eval(".notes", (notes) => notes.setAttribute("open", ""));
    await expectAccessible(page);
  });
});

test.each(["filters", lessons.at(-1)!.name])("the lesson %s is changed, tried, hinted at and solved", async (name) => {
  const lesson = lessons.find((lesson) => lesson.name === name)!;
  const cells = cellsOf(lesson);
  const exercise = cells.find(({ kind }) => kind === "exercise") as Exercise;
  const page = await open(`${name}.html`);
  await click(page, "Run cell 1");
  await rested(page);
  expect(await output(page, 1)).not.toContain("changed by a reader");
  await write(page, 1, `${cells[0]!.code}\n"changed by a reader"`);
  // Whoever edits needs no button to begin.
  expect(await page.$("#cell-1 [aria-label='Edit cell 1']")).toBeNull();
  await click(page, "Run cell 1");
  await rested(page);
  expect(await output(page, 1)).toContain("changed by a reader");

  await click(page, `Run and check exercise ${exercise.number}`);
  await rested(page);
  expect((await textsOf(page, ".fails")).length).toBeGreaterThan(0);
  await page.click(`#cell-${exercise.number} + .aid summary`);
  await page.waitForSelector(`#cell-${exercise.number} + .aid p`, { visible: true });
  await write(page, exercise.number, exercise.solution);
  await click(page, `Run and check exercise ${exercise.number}`);
  await rested(page);
  expect(await textsOf(page, ".fails, .mistake")).toEqual([]);
  expect((await textsOf(page, ".holds")).length).toBeGreaterThan(0);
  expect(await textsOf(page, ".solved")).toEqual(["solved"]);

  const opened = new Promise<Page>((resolve) => page.once("popup", (tab) => resolve(tab!)));
  await page.click("button::-p-text(Look inside)");
  const inside = await opened;
  await inside.waitForFunction((title) => document.body.textContent!.includes(title), {}, `${lesson.title}, `);
  await inside.close();
  await click(page, "Reset all code");
});

test("a text for an older version of a cell is shown, taken over and kept", async () => {
  const page = await open("neuron.html");
  await page.evaluate(() => {
    const texts = [{ number: 1, code: "const z = 0;", text: "const z = 7;\nz" }];
    localStorage.setItem("tilegrad-course/neuron", JSON.stringify({ texts, solved: [], isDone: false }));
  });
  await page.reload();
  await page.click("#cell-1 .older summary");
  expect(await textsOf(page, "#cell-1 .older pre")).toEqual(["const z = 7;\nz"]);
  await expectAccessible(page);
  await page.click("#cell-1 ::-p-text(Use it here)");
  await page.waitForSelector("#cell-1 >>> .cm-content");
  expect(await page.$("#cell-1 .older")).toBeNull();
  await page.reload();
  await page.waitForSelector("#cell-1 >>> .cm-content");
  await click(page, "Run cell 1");
  await rested(page);
  expect(await output(page, 1)).toBe("7");
  await click(page, "Reset cell 1");
});

test("a loop without an end is stopped, and the page goes on meanwhile", async () => {
  const page = await open("xor.html");
  await write(
    page,
    1,
    'import { live } from "tilegrad/show";\nconst view = live();\nfor (let i = 0; ; i++) view.update(i);',
  );
  await click(page, "Run cell 1");
  const count = () => output(page, 1).then(Number);
  await expect.poll(count).toBeGreaterThan(1000);
  const frames = await page.evaluate(async () => {
    for (let i = 0; i < 20; i++) await new Promise(requestAnimationFrame);
    return 20;
  });
  expect(frames).toBe(20);
  await click(page, "Stop cell 1");
  await rested(page);
  await click(page, "Reset cell 1");
  await click(page, "Run cell 1");
  await rested(page);
  expect(await page.$$eval("#cell-1 tbody tr", (rows) => rows.length)).toBe(4);
});

test("what is shown without end, too late or by a cell that was changed meanwhile does no harm", async () => {
  const page = await open("neuron.html");
  const importShow = 'import { show } from "tilegrad/show";\n';
  await write(page, 1, `${importShow}for (let i = 0; i < 20_000; i++) show(i);`);
  await click(page, "Run cell 1");
  await rested(page);
  const lines = (await output(page, 1)).split("\n");
  expect(lines.slice(-2)).toEqual(["999", "… and more: only the first 1000 are shown"]);

  await write(page, 1, `${importShow}show(Array.from({ length: 300 }, (_, i) => ({ i })));`);
  await click(page, "Run cell 1");
  await rested(page);
  expect(await page.$$eval("#cell-1 tbody tr", (rows) => rows.length)).toBe(200);
  expect(await output(page, 1)).toMatch(/… and 100 more rows$/);

  await write(
    page,
    1,
    'setTimeout(() => console.log("late"), 300);\nsetTimeout(() => Promise.reject(new Error("later")), 600);',
  );
  await click(page, "Run cell 1");
  await rested(page);
  await page.waitForFunction(() => document.querySelector("#cell-1")?.textContent?.includes("late"));
  await page.waitForFunction(() => document.querySelector("#cell-1")?.textContent?.includes("Error: later"));

  await write(page, 1, "await new Promise((resolve) => setTimeout(resolve, 1500));");
  await click(page, "Run cell 1");
  await write(page, 1, "const z = 2;");
  await rested(page);
  expect(await textsOf(page, "#cell-1 .state")).toEqual([expect.stringContaining("not up to date")]);
  await click(page, "Reset cell 1");
});

test("after Stop, a cell runs those above again, and something odd that is thrown blocks nothing", async () => {
  const page = await open("neuron.html");
  // Other tests have left texts and solved exercises.
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await page.waitForSelector("#bar .primary");
  await click(page, "Run cell 2");
  await rested(page);
  await write(page, 3, "for (;;);");
  await click(page, "Run cell 3");
  await click(page, "Stop cell 3");
  await rested(page);
  await click(page, "Run cell 2");
  await rested(page);
  expect(await textsOf(page, ".mistake")).toEqual([]);
  expect(await output(page, 2)).toMatch(/^a = 0\.268941/);

  await write(page, 3, "throw Object.create(null);");
  await click(page, "Run cell 3");
  await rested(page);
  expect(await textsOf(page, "#cell-3 .mistake")).toEqual([expect.stringContaining("something that has no text")]);
  await click(page, "Reset cell 3");
  await click(page, "Run cell 3");
  await rested(page);
  expect(await output(page, 3)).toMatch(/^loss = 0\.267223/);

  // An exercise is not solved by another `check`.
  await write(page, 1, "const check = () => {};\nconst z = -1;");
  await click(page, "Run and check exercise 7");
  await rested(page);
  expect((await textsOf(page, "#cell-7 .fails, #cell-7 .mistake")).length).toBeGreaterThan(0);
  await click(page, "Reset cell 1");
});

test("a worker that ends while a cell runs is noticed, and the next run has another", async () => {
  const page = await open("neuron.html");
  await write(page, 1, "await new Promise(() => {});");
  // Workers of other pages may still hold theirs.
  const others = await page.evaluate(async () => (await navigator.locks.query()).held!.map(({ name }) => name));
  await click(page, "Run cell 1");
  await page.waitForFunction(() => document.querySelector("#cell-1 .state")?.textContent?.includes("runs"));
  // The lock tells of the end, and is taken as soon as the worker answers.
  await page.waitForFunction(
    async (known) => (await navigator.locks.query()).held!.some(({ name }) => !known.includes(name)),
    {},
    others,
  );
  await page.workers()[0]!.evaluate(() => self.close());
  await page.waitForSelector("#cell-1 .mistake");
  expect(await textsOf(page, "#cell-1 .mistake")).toEqual([expect.stringMatching(/^The worker .* has ended/)]);
  await click(page, "Reset cell 1");
  await click(page, "Run cell 1");
  await rested(page);
  expect(await output(page, 1)).toBe("z = -1");
});

test("a lesson has the search, whose index loads with its first word, and whose key is left to editors", async () => {
  const page = await open("neuron.html");
  const loaded: string[] = [];
  page.on("request", (request) => loaded.push(request.url()));
  await page.waitForSelector("#search");
  await write(page, 1, "6");
  await page.keyboard.type(" / 2");
  expect(await page.evaluate(() => document.activeElement?.id)).not.toBe("search");
  await click(page, "Run cell 1");
  await rested(page);
  expect(await output(page, 1)).toBe("3");
  await click(page, "Reset cell 1");
  expect(loaded.filter((url) => url.includes("search.json"))).toEqual([]);

  await page.keyboard.press("/");
  await page.keyboard.type("cross entropy");
  await page.waitForSelector(".found a[href^='../course/']");
  await page.click(".found a[href^='../course/']");
  await page.waitForSelector(".lesson #bar .primary");
});

describe("the list of lessons", () => {
  test("leads to each, finds words in them, and remembers what is done", async () => {
    const page = await open("");
    const links = await page.$$eval(".lessons a", (all) => all.map((link) => link.getAttribute("href")));
    expect(links).toEqual(lessons.map(({ name }) => `${name}.html`));
    await page.type("#search", "straight line");
    await page.waitForSelector(".found a[href^='../course/xor.html']");
    await page.click("#search", { count: 3 });
    await page.type("#search", "zzzz");
    await page.waitForFunction(() => document.querySelector(".found")?.textContent === "Nothing found.");

    await page.click(".teacher input");
    await page.click(".lessons a[href='xor.html']");
    await page.waitForSelector(".notes[open]");
    await click(page, "Run all cells");
    await rested(page);
    for (const cell of cellsOf(lessons.find(({ name }) => name === "xor")!)) {
      if (cell.kind !== "exercise") continue;
      await write(page, cell.number, cell.solution);
      await click(page, `Run and check exercise ${cell.number}`);
      await rested(page);
    }
    await page.click(".home");
    await page.waitForSelector("[data-lesson=xor][data-state=done]");
    expect(await textsOf(page, "[data-state=done] .progress")).toEqual(["done"]);
  });
});

describe("a lesson as one file", () => {
  test("is saved by the page, and runs from a disk without a network", async () => {
    const disk = await mkdtemp(join(tmpdir(), "tilegrad-lesson-"));
    const online = await open("neuron.html");
    const cdp = await online.createCDPSession();
    await cdp.send("Page.setDownloadBehavior", { behavior: "allow", downloadPath: disk });
    await online.click("#alone");
    const file = join(disk, "neuron.html");
    await expect.poll(() => existsSync(file)).toBe(true);

    const browser = await launchChrome();
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("requestfailed", (request) => faults.push(request.url()));
    await page.setOfflineMode(true);
    await page.goto(pathToFileURL(file).href);
    await click(page, "Run all cells");
    await rested(page);
    expect(await textsOf(page, ".mistake")).toEqual([]);
    expect(await output(page, 6)).toMatch(/output: Float32Array\(1\) \[0\.268941\]/);
    await write(page, 1, "1 + 1");
    await click(page, "Run cell 1");
    await rested(page);
    expect(await output(page, 1)).toBe("2");
    // Nothing leads to pages that are not there.
    expect(await page.$$eval("a", (all) => all.map((link) => link.getAttribute("href")))).toEqual([]);
    expect(await page.$("#cell-6 ::-p-text(Look inside)")).toBeNull();
    // Data of a lesson is inside as well.
    await writeFile(file, await aloneHtml(lessons.find(({ name }) => name === "ten-steps")!));
    await page.goto(pathToFileURL(file).href);
    await click(page, "Run cell 1");
    await rested(page);
    expect(await textsOf(page, ".mistake")).toEqual([]);
    expect(await output(page, 1)).toContain("Chinstrap68");
    expect(faults).toEqual([]);
    await browser.close();
    await rm(disk, { recursive: true });
  });

  test.each(lessons.map((lesson) => [lesson.name, lesson] as const))("stays small: %s", async (_, lesson) => {
    expect((await aloneHtml(lesson)).length / 1024).toBeLessThan(630);
  });
});

describe("a program for Node", () => {
  let app = "";
  beforeAll(async () => {
    app = await appWithTilegrad("course");
    await writeFile(join(app, "xor.ts"), programOf(lessons.find(({ name }) => name === "xor")!));
  });
  afterAll(() => rm(app, { recursive: true, force: true }));

  test("runs to its end", async () => {
    const { code, output, errors } = await run(join(app, "xor.ts"), []);
    expect(errors).toBe("");
    expect(code).toBe(0);
    expect(output).toMatch(/target {2}.*answer\n(.*\n){4}/);
  });
});

test("the command runs a lesson, and names those there are", async () => {
  const { code, output } = await run("demos/course/build/run.ts", ["xor", "--program"]);
  expect([code, output]).toEqual([0, programOf(lessons.find(({ name }) => name === "xor")!)]);
  const unknown = await run("demos/course/build/run.ts", ["xoor"]);
  expect(unknown.code).toBe(1);
  expect(unknown.errors).toContain("neuron");
});

import type { Page } from "puppeteer";
import { describe, expect, test } from "vitest";
import { sizeOf } from "../../src/graph/shape.ts";
import { readModel } from "../../src/onnx/model.ts";
import { runOnnx } from "../onnxExport.ts";
import { saved } from "./downloads.ts";
import { expectAccessible, expectLight, scriptSizes, widthOf } from "./judged.ts";
import { choose, hash, isDisabled, number, showsAnother, site, text } from "./pages.ts";
import { hide, hideable, losable, lose } from "./spoiled.ts";

const { open } = site("text");

/** Waits until the page shows a step. Fails at once where it shows what went wrong. */
async function reached(page: Page, from: number, to: number): Promise<void> {
  const shown = await page.waitForFunction(
    (from, to) => {
      const trouble = document.querySelector(".notice, .unsupported")?.textContent;
      const step = Number(document.querySelector("#steps")?.textContent.replaceAll(",", ""));
      return trouble || (step >= from && step <= to);
    },
    {},
    from,
    to,
  );
  expect(await shown.jsonValue()).toBe(true);
}

const atLeast = (page: Page, step: number) => reached(page, step, Number.MAX_SAFE_INTEGER);
const atStep = (page: Page, step: number) => reached(page, step, step);

/** Waits until a sample has been written to its end. */
const written = (page: Page) =>
  page.waitForFunction(() => {
    const sample = document.querySelector("#sample");
    return sample?.textContent !== "" && sample?.getAttribute("aria-busy") === "false";
  });

const bits = async (page: Page) => [await text(page, "#train-bits"), await text(page, "#validation-bits")];

/** Trains a paused page for some steps, one by one. */
async function steps(page: Page, count: number): Promise<void> {
  const from = await number(page, "#steps");
  for (let step = from + 1; step <= from + count; step++) {
    await page.click("#step");
    await atStep(page, step);
  }
}

interface Vocabulary {
  readonly characters: readonly string[];
  readonly start: number;
}

const vocabularyOf = (bytes: Uint8Array): Vocabulary => {
  const { metadata } = readModel(bytes);
  return { characters: JSON.parse(metadata.get("characters")!), start: Number(metadata.get("start")) };
};

const likeliest = (logits: Float64Array): number => logits.indexOf(Math.max(...logits));

/** What ONNX Runtime writes with an exported step, always the likeliest character. */
async function writtenByStep(bytes: Uint8Array, length: number, shape: readonly number[]): Promise<string> {
  const { characters, start } = vocabularyOf(bytes);
  let last = start;
  const zeros = new Float64Array(sizeOf(shape));
  let states: Readonly<Record<string, Float64Array>> = { h: zeros, c: zeros };
  let text = "";
  while (text.length < length) {
    const given = Object.entries(states).map(([name, data]) => [name, { shape, dtype: "f32", data }] as const);
    const { logits, nextH, nextC } = await runOnnx(bytes, {
      character: { shape: [1], dtype: "i32", data: [last] },
      ...Object.fromEntries(given),
    });
    last = likeliest(logits!.data);
    text += characters[last];
    states = { h: nextH!.data, c: nextC!.data };
  }
  return text;
}

/** The same with an exported window. */
async function writtenByWindow(bytes: Uint8Array, length: number): Promise<string> {
  const { characters, start } = vocabularyOf(bytes);
  const read = [start];
  while (read.length < length + 1) {
    const data = [...read, ...Array<number>(length - read.length).fill(start)];
    const { logits } = await runOnnx(bytes, { characters: { shape: [1, length], dtype: "i32", data } });
    const width = characters.length;
    expect(logits!.shape).toEqual([1, length, width]);
    read.push(likeliest(logits!.data.subarray((read.length - 1) * width, read.length * width)));
  }
  return read
    .slice(1)
    .map((id) => characters[id])
    .join("");
}

describe("the page of texts", () => {
  test("starts by itself, learns names, writes while it does, and loads little", async () => {
    const page = await open();
    await atLeast(page, 210);
    const baseline = await number(page, "#baseline-bits");
    expect(baseline).toBeGreaterThan(4);
    expect(await number(page, "#train-bits")).toBeLessThan(baseline - 1);
    expect(await number(page, "#validation-bits")).toBeLessThan(baseline - 1);
    expect(await text(page, "#writing-title")).toMatch(/^What it writes, after 200 steps$/);
    expect(await page.$$eval(".earlier .when", (all) => all.map((when) => when.textContent))).toEqual([
      "100 steps",
      "50 steps",
      "20 steps",
      "10 steps",
      "1 step",
    ]);
    // Names are words with a capital letter; at first, it wrote noise.
    const share = (names: string) => {
      const all = names.split(/ · |\n/);
      return all.filter((name) => /^[A-Z][a-z]{1,11}$/.test(name)).length / all.length;
    };
    expect(share(await text(page, "#sample"))).toBeGreaterThan(0.7);
    expect(share(await text(page, ".earlier li:last-child .sample"))).toBeLessThan(0.3);
    expect(await text(page, ".adapter")).toMatch(/^Runs (on|in) \S/);
    expect(page.workers()).toHaveLength(1);
    expect([...(await scriptSizes(page)).keys()].filter((path) => /export/.test(path))).toEqual([]);
    await expectLight(page, 127);
  });

  test("says that it compiles, trains before it does the rest, and stacks layers", async () => {
    const page = await open("#hidden=16&batch=8");
    const said = await page.waitForFunction(() => document.querySelector("#status")?.textContent);
    expect(await said.jsonValue()).toBe("Compiling the kernels of the LSTM…");
    await atLeast(page, 10);
    expect(await text(page, "#status")).toBe("");
    await page.click("#play");
    await written(page);
    const weights = await number(page, "#parameters");
    await choose(page, "Layers", "3");
    await atStep(page, 0);
    // Two more layers, each with the weights of four gates from 16 units and to 16, and two biases.
    expect((await number(page, "#parameters")) - weights).toBe(2 * 4 * 16 * (16 + 16 + 2));
    await steps(page, 2);
    expect(await text(page, "#train-bits")).toMatch(/^\d\.\d{3}$/);
    await written(page);
    // The gates that the page can show are those of the only layer.
    const shows = await page.$$eval(".view-options option", (all) => all.map(({ textContent }) => textContent));
    expect(shows).toEqual(["Hidden state"]);
    await choose(page, "Network", "transformer");
    await atStep(page, 0);
    expect(await hash(page)).toBe("#model=transformer&layers=3&hidden=16&batch=8&rate=0.003&paused=1");
    await page.waitForFunction(() => document.querySelector(".unit-map + .legend")?.textContent?.includes("12 heads"));
  });

  test("opens one step of the training in the look inside", async () => {
    const page = await open("#hidden=16&batch=8&paused=1");
    await atStep(page, 0);
    await steps(page, 1);
    const opened = new Promise<Page>((resolve) => page.once("popup", (popup) => resolve(popup!)));
    await page.click("::-p-aria(Look inside[role='button'])");
    const tab = await opened;
    await tab.waitForSelector(".timeline .span");
    expect(await text(tab, "#title")).toBe("LSTM, step 1");
    expect(Number(await text(tab, "#dispatches"))).toBeGreaterThan(10);
    await tab.close();
    // What it records is a step of the training.
    await atStep(page, 2);
    await steps(page, 1);
    const [trained] = await bits(page);
    await page.reload();
    await atStep(page, 0);
    await steps(page, 3);
    expect((await bits(page))[0]).toBe(trained);
  });

  test("rests while its tab is hidden, and goes on when it is back", async () => {
    const page = await open("#hidden=16&batch=8", { spoil: hideable, spoilWorkers: () => undefined });
    await atLeast(page, 60);
    await written(page);
    await hide(page, true);
    // What was under way comes to its end.
    await new Promise((go) => setTimeout(go, 2000));
    const last = await number(page, "#steps");
    await new Promise((go) => setTimeout(go, 2000));
    expect(await number(page, "#steps")).toBe(last);
    await hide(page, false);
    await atLeast(page, last + 20);
  });

  test("fits a tiny window", async () => {
    const page = await open("#hidden=16&batch=8&paused=1", { viewport: { width: 320, height: 256 } });
    await atStep(page, 0);
    expect(await widthOf(page)).toBe(320);
    await page.setViewport({ width: 240, height: 200 });
    await steps(page, 1);
    expect(await page.$$eval(".chart svg", (all) => all.every((svg) => svg.clientWidth > 0))).toBe(true);
  });

  test("says what went wrong where its worker does not start", async () => {
    const fail = () => {
      throw new Error("out of order");
    };
    const page = await open("", { spoilWorkers: fail, allowed: /out of order/ });
    await page.waitForSelector(".unsupported");
    expect(await text(page, ".unsupported")).toMatch(/out of order/);
  });

  test("writes anew at another temperature: always the likeliest character at 0", async () => {
    const page = await open("#hidden=16&paused=1");
    await atStep(page, 0);
    await written(page);
    const usual = await text(page, "#sample");
    await page.focus("::-p-aria(Temperature[role='slider'])");
    await page.keyboard.press("Home");
    await showsAnother(page, "#sample", usual);
    await written(page);
    expect(await hash(page)).toBe("#hidden=16&temperature=0&paused=1");
    const likeliest = await text(page, "#sample");
    await page.click("#write");
    await written(page);
    expect(await text(page, "#sample")).toBe(likeliest);
  });

  test("learns a text that is pasted, refuses one that is too short, and keeps it in its address", async () => {
    const page = await open("#hidden=16&batch=8&paused=1");
    await atStep(page, 0);
    await choose(page, "Text", "own");
    const paste = (value: string) =>
      page.$eval(
        ".own textarea",
        (area, value) => {
          (area as HTMLTextAreaElement).value = value;
          area.dispatchEvent(new InputEvent("input", { bubbles: true }));
        },
        value,
      );
    expect(await text(page, ".own [role=status]")).toMatch(/still learns from “First names”.* at least 1,000/);
    const isDisabled = () => page.$eval(".own button", (button) => (button as HTMLButtonElement).disabled);
    await paste("Too short.");
    expect(await text(page, ".own [role=status]")).toMatch(/The text has 10 characters: it needs at least 1,000/);
    expect(await isDisabled()).toBe(true);
    await paste("Die Möwe flog über das Meer – 海 – und schrie. ".repeat(40));
    expect(await isDisabled()).toBe(false);
    await page.click(".own button");
    await page.waitForFunction(() => location.hash.includes("source=own"));
    await page.waitForFunction(() => document.querySelector("#epoch")?.textContent === "0.0");
    await steps(page, 3);
    const before = await bits(page);
    await page.reload();
    await atStep(page, 0);
    expect(await page.$eval(".own textarea", (area) => (area as HTMLTextAreaElement).value)).toMatch(/海/);
    await steps(page, 3);
    expect(await bits(page)).toEqual(before);
  });

  test("tags first and last names, reading both ways or forwards", async () => {
    const page = await open("#source=tags&hidden=16");
    await atLeast(page, 100);
    await page.waitForSelector("#accuracy");
    await page.click("#play");
    expect(await text(page, "h1")).toBe("Watch a network tell names apart");
    expect(await page.$$eval(".looking input[type=range]", (all) => all.length)).toBe(0);
    expect(Number.parseFloat(await text(page, "#accuracy"))).toBeGreaterThan(60);
    expect(await page.$$eval(".names li", (all) => all.length)).toBe(10);
    expect(await page.$$eval(".bars .token", (all) => all.map((tag) => tag.textContent).sort())).toEqual([
      "first name",
      "last name",
    ]);
    await choose(page, "It reads", "0");
    await atStep(page, 0);
    expect(await hash(page)).toBe("#source=tags&hidden=16&both=0&paused=1");
  });

  test("has nothing that axe finds, in light, in dark and on a phone", async () => {
    const page = await open("#model=chess&source=own&hidden=3&seed=x&own=%%&paused=1");
    await atStep(page, 0);
    expect(await text(page, "#unread")).toMatch(/parts of the link: model=chess, hidden=3, seed=x, own=/);
    expect(await hash(page)).toBe("#paused=1"); // What means nothing in an address is ignored.
    await expectAccessible(page);
  });

  test("exports a step of an LSTM and the window of a transformer, with which ONNX Runtime writes the same", async () => {
    const page = await open("#source=book&layers=2&hidden=16&batch=8&temperature=0&paused=1");
    await atStep(page, 0);
    await steps(page, 3);
    /** The sample with the weights that are exported. */
    const sample = async () => {
      await page.click("#write");
      await page.waitForSelector("#sample[aria-busy=true]");
      await written(page);
      return text(page, "#sample");
    };
    const lstm = await saved(page, "#export");
    expect(lstm.name).toBe("text-lstm.onnx");
    expect(await writtenByStep(lstm.bytes, 60, [1, 2, 16])).toBe((await sample()).slice(0, 60));

    await choose(page, "Network", "transformer");
    await atStep(page, 0);
    await steps(page, 3);
    const transformer = await saved(page, "#export");
    expect(transformer.name).toBe("text-transformer.onnx");
    expect(await writtenByWindow(transformer.bytes, 40)).toBe((await sample()).slice(0, 40));
  });

  test("exports what tags names, with its labels", async () => {
    const page = await open("#source=tags&hidden=16&paused=1");
    await page.waitForSelector("#accuracy");
    const { bytes } = await saved(page, "#export");
    const { metadata, graph } = readModel(bytes);
    expect(JSON.parse(metadata.get("labels")!)).toEqual(["first name", "last name"]);
    const { start, characters } = vocabularyOf(bytes);
    const names = await page.$$eval(".names li", (all) =>
      all.map((line) => ({
        text: line.textContent!,
        shares: [...line.children].map((one) => (one as HTMLElement).style.getPropertyValue("--share")),
      })),
    );
    const [, length] = graph.inputs[0]!.dims as [string, number];
    const data = names.flatMap(({ text }) => {
      const ids = [start, ...Array.from(text, (character) => characters.indexOf(character))];
      return [...ids, ...Array<number>(length - ids.length).fill(start)];
    });
    const { logits } = await runOnnx(bytes, { characters: { shape: [names.length, length], dtype: "i32", data } });
    names.forEach(({ text, shares }, n) => {
      for (const i of [...text].keys()) {
        const at = 2 * (n * length + i + 1);
        const last = 1 / (1 + Math.exp(logits!.data[at]! - logits!.data[at + 1]!));
        expect(Math.abs(Math.abs(2 * last - 1) - Number(shares[i]))).toBeLessThan(0.0051);
      }
    });
  });

  test("says what to do when the GPU is lost, and starts over after a reload", async () => {
    const page = await open("#hidden=16", { backend: "webgpu", spoil: losable });
    await atLeast(page, 10);
    await lose(page);
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/GPU.*lost|lost.*GPU/i);
    expect(await isDisabled(page, "#play")).toBe(true);
    expect(await hash(page)).toBe("#hidden=16");
    await page.click(".notice button");
    await page.waitForFunction(() => document.querySelector(".notice") === null);
    await atLeast(page, 10);
  });

  test("learns a book with each network, and shows the same numbers and text after a reload", async () => {
    const page = await open("#source=book&model=rnn&hidden=16&batch=8&seed=7&temperature=5&paused=1");
    const run = async () => {
      await atStep(page, 0);
      await written(page);
      const first = [await text(page, "#sample"), ...(await bits(page))];
      await steps(page, 3);
      return [first, await bits(page)];
    };
    const before = await run();
    expect(before[0]!.slice(1)).not.toEqual(before[1]);
    await page.reload();
    expect(await run()).toEqual(before);

    // The gradient through time: an LSTM holds what a plain RNN has lost after 39 characters.
    const left = async (network: string) => {
      await page.waitForSelector(`#reach-${network}`);
      const found = (await text(page, `#reach-${network}`)).match(/steps: (\d\.\d) · 10⁻(\S+) left after 39$/)!;
      return Number(`${found[1]}e-${[...found[2]!].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit)).join("")}`);
    };
    const lost = await left("rnn");
    await choose(page, "Network", "lstm");
    await atStep(page, 0);
    expect(await left("lstm")).toBeGreaterThan(1000 * lost);
    expect(await left("rnn")).toBe(lost);

    await choose(page, "Network", "gru");
    await atStep(page, 0);
    await steps(page, 2);
    expect(await hash(page)).toBe("#source=book&model=gru&hidden=16&batch=8&seed=7&temperature=5&paused=1");
    await page.click("#seed");
    await atStep(page, 0);
    expect(await hash(page)).toContain("seed=8");
    // The rate acts on the network as it is.
    await steps(page, 1);
    await choose(page, "Learning rate", "0.03");
    await steps(page, 1);
  });

  test("shows what comes next at the caret, units and gates as colour, and attention as lines", async () => {
    const page = await open("#source=book&hidden=16&batch=8&paused=1");
    await atStep(page, 0);
    await page.waitForSelector(".bars li");
    const percent = await page.$$eval(".bars .percent", (all) =>
      all.map((share) => Number.parseFloat(share.textContent!)),
    );
    expect(percent).toHaveLength(8);
    expect(percent).toEqual([...percent].sort((a, b) => b - a));
    expect(await text(page, "#bars-title")).toBe("Next after “ael. Some ye”");
    const shares = () =>
      page.$$eval(".marks span", (all) => all.map((mark) => mark.className.split(" ")[0] + mark.style.cssText));
    const first = await shares();
    expect(new Set(first).size).toBeGreaterThan(10);

    // The keyboard moves the caret and chooses the unit.
    await page.focus(".text textarea");
    await page.keyboard.down("Control");
    await page.keyboard.press("End");
    await page.keyboard.up("Control");
    await page.waitForFunction(
      () => document.querySelector("#bars-title")?.textContent === "Next after “f the world.”",
    );
    await page.keyboard.type(" Q");
    await page.waitForFunction(
      () => document.querySelector("#bars-title")?.textContent === "Next after “the world. Q”",
    );
    await page.focus("::-p-aria(Unit[role='slider'])");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(
      (before) => ![undefined, before].includes(document.querySelector<HTMLElement>(".marks span")?.style.cssText),
      {},
      first[0]!.replace(/^[a-z]+/, ""),
    );
    await choose(page, "Colour by", "forget");
    // Gates are between 0 and 1.
    await page.waitForFunction(() => document.querySelectorAll(".marks .minus").length === 0);
    expect(await hash(page)).toMatch(/^#source=book&hidden=16&batch=8&show=forget&unit=2&read=[\w-]+&paused=1$/);
    const before = await shares();
    await page.reload();
    await page.waitForSelector(".bars li");
    expect(await page.$eval(".text textarea", (area) => (area as HTMLTextAreaElement).value)).toMatch(
      /^Call .* world\. Q$/,
    );
    expect(await shares()).toEqual(before);

    await choose(page, "Network", "transformer");
    await atStep(page, 0);
    await page.waitForSelector(".attention path");
    const lines = () =>
      page.$$eval(".attention path", (all) => all.map((line) => line.getAttribute("stroke-width")).join());
    const head = await lines();
    await page.focus("::-p-aria(Head[role='slider'])");
    await page.keyboard.press("End");
    await page.waitForFunction(
      (before) =>
        [...document.querySelectorAll(".attention path")].map((line) => line.getAttribute("stroke-width")).join() !==
        before,
      {},
      head,
    );
    await steps(page, 2);
    expect(await text(page, "#train-bits")).toMatch(/^\d\.\d{3}$/);
  });
});

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { ElementHandle, Page } from "puppeteer";
import { describe, expect, test } from "vitest";
import { bin } from "./installed.ts";
import { expectAccessible, expectLight } from "./judged.ts";
import { choose, hash, isDisabled, number, showsAnother, site, text } from "./pages.ts";
import { losable, lose, withoutWebGPU } from "./spoiled.ts";

const { open } = site("playground");

/** The settings in the address, without the changes that led to them. */
async function settingsIn(page: Page): Promise<URLSearchParams> {
  const all = new URLSearchParams((await hash(page)).slice(1));
  all.delete("edits");
  return all;
}

/** Waits until the page shows a step. */
const atStep = (page: Page, step: number) =>
  page.waitForFunction(
    (wanted) => document.querySelector("#steps")?.textContent?.replaceAll(",", "") === String(wanted),
    {},
    step,
  );

const atLeast = (page: Page, step: number) =>
  page.waitForFunction(
    (least) => Number(document.querySelector("#steps")?.textContent?.replaceAll(",", "")) >= least,
    {},
    step,
  );

/** Waits until the page has trained on from here. */
async function goesOn(page: Page): Promise<void> {
  await atLeast(page, 1);
  await atLeast(page, (await number(page, "#steps")) + 1);
}

const run = promisify(execFile);

/** Runs a program of the page in Node. @returns the losses that it prints, of training and test, epoch by epoch. */
async function printedBy(code: string): Promise<number[][]> {
  const root = resolve(import.meta.dirname, "../..");
  const file = join(root, "node_modules/.cache/playground-run.mjs");
  await mkdir(dirname(file), { recursive: true });
  const here = (path: string) => JSON.stringify(join(root, "src", path));
  await writeFile(file, code.replace('"tilegrad"', here("index.ts")).replace('"tilegrad/node"', here("node/index.ts")));
  try {
    const { stdout } = await run(bin("tsx"), [file]);
    return [...stdout.matchAll(/^epoch \d+: training loss ([\d.]+), test loss ([\d.]+)$/gm)].map(([, ...losses]) =>
      losses.map(Number),
    );
  } finally {
    await rm(file);
  }
}

const losses = async (page: Page) => [await text(page, "#train-loss"), await text(page, "#test-loss")];

describe("the playground", () => {
  test("starts by itself, learns XOR, and loads little", async () => {
    const page = await open();
    await page.waitForFunction(() => Number.parseFloat(document.querySelector("#accuracy")?.textContent ?? "") > 95);
    expect(await number(page, "#train-loss")).toBeLessThan(0.2);
    expect(await text(page, ".adapter")).toMatch(/^Runs (on|in) \S/);
    expect(page.workers()).toHaveLength(1);
    await expectLight(page, 128);
  });

  test("acts at once on every option, and keeps all in its address", async () => {
    const page = await open();
    await goesOn(page);
    await page.click("::-p-aria(Add a unit to layer 1)");
    await page.waitForFunction(() => document.querySelectorAll(".edges path").length === 2 * 5 + 5 * 2 + 2);
    await page.click("::-p-aria(Add a layer)");
    await page.waitForFunction(() => document.querySelectorAll(".edges path").length === 2 * 5 + 5 * 2 + 2 * 2 + 2);
    expect(await text(page, "#layers")).toBe("3 hidden layers");
    await page.click("::-p-aria(Remove a unit from layer 2)");
    await page.waitForFunction(() => document.querySelectorAll(".edges path").length === 2 * 5 + 5 + 2 + 2);
    expect(await settingsIn(page)).toEqual(new URLSearchParams("layers=5-1-2"));
    await goesOn(page);

    await page.click(".more summary");
    await choose(page, "Activation", "relu");
    await choose(page, "Loss", "hinge");
    await choose(page, "Learning rate over time", "halving");
    await choose(page, "Dropout", "0.2");
    await choose(page, "Optimizer", "momentum");
    await choose(page, "Learning rate", "0.03");
    await choose(page, "Regularisation", "l2");
    await choose(page, "Its strength", "0.01");
    await choose(page, "Batch size", "20");
    await choose(page, "Points to train on", "70");
    await page.focus("::-p-aria(Noise[role='slider'])");
    await page.keyboard.press("ArrowRight");
    expect(await settingsIn(page)).toEqual(
      new URLSearchParams(
        "noise=10&split=70&layers=5-1-2&activation=relu&loss=hinge&optimizer=momentum&rate=0.03&schedule=halving" +
          "&penalty=l2&strength=0.01&dropout=0.2&batch=20",
      ),
    );
    await goesOn(page);
    expect(await page.$$eval(".plane circle.train", (all) => all.length)).toBe(280);

    await page.click("#reset");
    await page.click("::-p-aria(Hills)");
    await page.waitForFunction(() => document.querySelector("#accuracy")?.textContent === "–");
    await goesOn(page);
    expect(await text(page, "#train-loss")).toMatch(/^\d+\.\d{4}$/);
  });

  test("shows the same losses at the same step after a reload", async () => {
    const page = await open("#problem=rings&noise=20&layers=3&seed=7&paused=1");
    const run = async () => {
      await atStep(page, 0);
      const first = await losses(page);
      for (const step of [20, 40, 60]) {
        await page.click("#one-epoch");
        await atStep(page, step);
      }
      await page.click("#step");
      await atStep(page, 61);
      return [first, await losses(page)];
    };
    const before = await run();
    expect(before[0]).not.toEqual(before[1]);
    await page.reload();
    expect(await run()).toEqual(before);
    await page.click("#reset");
    await atStep(page, 0);
    expect(await losses(page)).toEqual(before[0]);

    await page.click("#seed");
    await showsAnother(page, "#train-loss", before[0]![0]!);
    expect(await hash(page)).toBe("#problem=rings&noise=20&seed=8&layers=3&paused=1");
  });

  test("makes changes again at their steps after a reload, until the visitor makes others", async () => {
    const page = await open("#problem=rings&paused=1");
    await atStep(page, 0);
    const stepTo = async (step: number) => {
      await page.click("#step");
      await atStep(page, step);
    };
    await page.click("::-p-aria(Add a unit to layer 2)");
    await page.waitForFunction(() => document.querySelectorAll(".edges path").length === 2 * 4 + 4 * 3 + 3);
    await stepTo(1);
    await choose(page, "Learning rate", "0.1");
    await stepTo(2);
    await page.click("#unit-1-2");
    await page.waitForFunction(() => document.activeElement?.getAttribute("type") === "number");
    await page.keyboard.type("-1.5");
    await page.waitForFunction(() => location.hash.includes("bias.0.2,-1.5"));
    await page.keyboard.press("Escape");
    await page.click("::-p-aria(Add a layer)");
    await page.waitForFunction(() => document.querySelectorAll(".edges path").length === 2 * 4 + 4 * 3 + 3 * 2 + 2);
    await stepTo(3);
    const before = await losses(page);
    const address = await hash(page);
    expect(address).toBe(
      "#problem=rings&layers=4-3-2&rate=0.1&edits=0,layers,4-2;1,rate,0.01;2,bias.0.2,-1.5;2,layers,4-3&paused=1",
    );

    await page.reload();
    await atStep(page, 0);
    expect(await text(page, "#layers")).toBe("2 hidden layers");
    expect(await hash(page)).toBe(address);
    await page.click("#one-epoch");
    await atStep(page, 20);
    const later = await losses(page);
    expect(await text(page, "#layers")).toBe("3 hidden layers");
    expect(await hash(page)).toBe(address);
    await page.reload();
    await atStep(page, 0);
    for (const step of [1, 2, 3]) await stepTo(step);
    expect(await losses(page)).toEqual(before);
    await page.click("#one-epoch");
    await atStep(page, 20);
    expect(await losses(page)).toEqual(later);

    // Another change: those that were still to come are left out.
    await page.reload();
    await atStep(page, 0);
    await stepTo(1);
    await choose(page, "Activation", "relu");
    await page.waitForFunction(() => location.hash.includes("activation=relu"));
    await page.waitForFunction(() => location.hash.includes("1,activation,tanh"));
    expect(await hash(page)).toBe(
      "#problem=rings&layers=4-3&activation=relu&rate=0.1&edits=0,layers,4-2;1,rate,0.01;1,activation,tanh&paused=1",
    );
    await page.click("#reset");
    await page.waitForFunction(() => !location.hash.includes("edits"));
  });

  test("records a step and opens it in the page that looks inside", async () => {
    const page = await open("#paused=1");
    await atStep(page, 0);
    await page.click("::-p-aria(Look inside[role='button'])");
    const target = await page.browser().waitForTarget((one) => one.url().includes("/inside/"));
    const inside = (await target.page())!;
    await inside.waitForFunction(() => document.body.textContent?.includes("Playground, step 1"));
    await atStep(page, 1);
    await inside.close();
  });

  test("ignores what means nothing in an address", async () => {
    const page = await open("#problem=chess&layers=9-0&rate=-1&seed=x&paused=1");
    await atStep(page, 0);
    expect(await hash(page)).toBe("#paused=1");
  });

  test("keeps weights when the network grows", async () => {
    const page = await open("#layers=4-2&paused=1");
    await atStep(page, 0);
    await page.click("#one-epoch");
    await atStep(page, 20);
    const widths = () =>
      page.$$eval(".edges path", (all) =>
        all.slice(0, 8).map((path) => path.getAttribute("d") && path.getAttribute("stroke-width")),
      );
    const before = await widths();
    await page.click("::-p-aria(Add a layer)");
    await page.waitForFunction(() => document.querySelectorAll(".edges path").length === 8 + 8 + 4 + 2);
    expect(await widths()).toEqual(before);
    expect(await number(page, "#steps")).toBe(20);
  });

  test("shows a unit large while it is pointed at or focused", async () => {
    const page = await open("#paused=1");
    await atStep(page, 0);
    await page.hover("#unit-1-1");
    expect(await text(page, "#result-title")).toBe("Unit 2 of layer 1");
    await page.focus("::-p-aria(Input x₂: show it large)");
    expect(await text(page, "#result-title")).toBe("Input x₂");
    await page.focus("#play");
    await page.mouse.move(1, 1);
    await page.waitForFunction(() => document.querySelector("#result-title")?.textContent === "Output");
  });

  test("takes typed weights and biases, from a unit or a line", async () => {
    const page = await open("#problem=slope&noise=0&layers=&paused=1");
    await atStep(page, 0);
    const type = async (value: string) => {
      await page.waitForFunction(() => document.activeElement?.getAttribute("type") === "number");
      await page.keyboard.type(value);
    };
    await page.focus("#unit-1-0");
    await page.keyboard.press("Enter");
    await type("3");
    await page.waitForFunction(() => Number(document.querySelector("#train-loss")?.textContent) > 4);
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("unit-1-0");
    // The slope is (x₁ + x₂) / 8: with these numbers, the network computes just that.
    const { x, width } = (await (await page.$(".edges"))!.boundingBox())!;
    for (const unit of [0, 1]) {
      const middle = async () => {
        const box = (await (await page.$(`#unit-0-${unit}`))!.boundingBox())!;
        return box.y + box.height / 2;
      };
      const before = await middle();
      await page.mouse.move(x + 0.35 * width, before);
      await page.waitForSelector(".layers.aiming");
      expect(await middle()).toBe(before); // The drawing stays where it is.
      await page.mouse.click(x + 0.35 * width, before);
      await type("0.125");
      await page.keyboard.press("Escape");
    }
    await page.click("#unit-1-0");
    await type("0");
    await page.waitForFunction(() => Number(document.querySelector("#train-loss")?.textContent) < 0.0001);
  });

  test("trains on a visitor's points, painted, typed or read", async () => {
    const page = await open("#problem=own&split=80&paused=1");
    await atStep(page, 0);
    expect(await losses(page)).toEqual(["–", "–"]);
    const points = (count: number) =>
      page.waitForFunction((n) => document.querySelectorAll(".plane circle").length === n, {}, count);
    const { x, y, width } = (await (await page.$(".plane"))!.boundingBox())!;
    await page.mouse.move(x + 0.2 * width, y + 0.5 * width);
    await page.mouse.down();
    await page.mouse.move(x + 0.3 * width, y + 0.5 * width, { steps: 4 });
    await page.mouse.up();
    await points(3);
    await (await page.waitForSelector("::-p-aria(Orange)"))!.click();
    await page.focus(".plane");
    for (const key of ["ArrowRight", "ArrowUp", "Space"] as const) await page.keyboard.press(key);
    await points(4);
    const painted = await page.$$eval(".plane .minus", (all) => all.map((point) => Number(point.getAttribute("cx"))));
    expect(painted).toEqual([Math.fround(0.2)]);
    await page.click("#one-epoch");
    await atStep(page, 1);
    expect(await text(page, "#train-loss")).toMatch(/^\d\.\d{4}$/);

    await page.click("::-p-aria(Load a table…)");
    await page.waitForSelector("::-p-aria(Or paste rows)");
    await page.type("::-p-aria(Or paste rows)", "x,y,l\n1,2,a\n-1,1,b\n3,2,a\n");
    await page.click("::-p-aria(Use these points)");
    await points(3);
    const own = await hash(page);
    expect(own).toMatch(/own=c[\w-]{16}/);
    await page.reload();
    await points(3);
    expect(await hash(page)).toBe(own);
  });

  test("takes points from a CSV file, and says what is wrong with one", async () => {
    const files = await mkdtemp(join(tmpdir(), "tilegrad-points-"));
    const page = await open("#problem=own&paused=1");
    await atStep(page, 0);
    await page.click("::-p-aria(Load a table…)");
    const input = (await page.waitForSelector("input[type=file]"))!;
    const load = async (name: string, lines: readonly string[]) => {
      await writeFile(join(files, name), lines.join("\n"));
      await (input as ElementHandle<HTMLInputElement>).uploadFile(join(files, name));
    };
    const says = (wanted: string) =>
      page.waitForFunction(
        (wanted) =>
          [...document.querySelectorAll(".panel [role=status] p")].map((line) => line.textContent).join(" ") === wanted,
        {},
        wanted,
      );
    await load("good.csv", ["width;height;kind", "-1;2;pear", "0.5;1;plum", "2;-2;plum", "1;1;pear"]);
    await says('4 points loaded. "pear" is orange, "plum" is blue.');
    expect(await page.$$eval(".plane circle", (all) => all.length)).toBe(4);
    const own = await hash(page);
    expect(own).toMatch(/own=c/);
    await load("bad.csv", ["1,2,pear", "tall,1,plum"]);
    await says('Row 2 has "tall" for a coordinate; expected a number.');
    expect(await hash(page)).toBe(own);
    await rm(files, { recursive: true });
  });

  test("shows that the gradient vanishes towards the first of many sigmoid layers, and not with tanh", async () => {
    const page = await open("#layers=4-4-4-4-4&activation=sigmoid&paused=1");
    await atStep(page, 0);
    const norms = () => page.$$eval(".gradient .norm", (all) => all.map(({ textContent }) => Number(textContent)));
    const vanishing = await norms();
    expect(vanishing).toHaveLength(6);
    const before = await text(page, ".gradient .norm");
    await choose(page, "Activation", "tanh");
    await showsAnother(page, ".gradient .norm", before);
    const flowing = await norms();
    // A sigmoid passes on a quarter of the gradient at most, tanh all of it around 0.
    expect(vanishing[0]!).toBeLessThan(vanishing.at(-1)! / 100);
    expect(flowing[0]!).toBeGreaterThan(flowing.at(-1)! / 10);
  });

  test("compares two networks epoch by epoch, and gives the same losses after a reload", async () => {
    const page = await open("#split=20&paused=1");
    await atStep(page, 0);
    await page.click("#compare");
    await page.waitForFunction(() => /\d/.test(document.querySelector("#train-loss-b")?.textContent ?? ""));
    expect(await text(page, "#train-loss-b")).toBe(await text(page, "#train-loss"));
    await choose(page, "Batch size", "20");
    await page.click("::-p-aria(Inputs…)");
    await page.click("::-p-aria(x₁x₂)");
    // Until then, the weights are those of two inputs, and the address says so.
    await page.click("#reset");
    await expect.poll(() => hash(page)).toBe("#split=20&compare=1&b.features=x1-x2-x1.x2&b.batch=20&paused=1");
    await page.reload();
    await atStep(page, 0);
    const run = async () => {
      await page.click("#one-epoch");
      await atStep(page, 8);
      await page.click("::-p-aria(B)");
      await atStep(page, 4); // 80 points in batches of 20
      const both = [...(await losses(page)), await text(page, "#train-loss-b")];
      await page.click("::-p-aria(A)");
      return both;
    };
    const before = await run();
    expect(before[0]).not.toBe(before[2]);
    await page.click("#reset");
    await atStep(page, 0);
    expect(await run()).toEqual(before);
    await page.click("#compare");
    await page.waitForFunction(() => document.querySelector("#train-loss-b") === null);
  });

  test("shows the dispatches of a step, and the shader of a layer", async () => {
    const page = await open("#layers=3&paused=1");
    await atStep(page, 0);
    await page.click("#open-inside");
    await page.waitForFunction(() => document.querySelector("#wgsl")?.textContent?.includes("@compute"));
    await page.click("::-p-aria(output)");
    expect(await text(page, ".dispatches .chosen")).toContain("output");
    expect(await text(page, "#wgsl")).toMatch(/@group\(0\) @binding\(0\)/);
    const dispatches = await page.$$eval(".dispatches tbody tr", (all) => all.length);
    expect(await text(page, ".panel .hint")).toMatch(new RegExp(`^${dispatches} dispatches`));
  });

  test("prints the same losses as a program", async () => {
    const page = await open(
      "#problem=spiral&noise=20&split=70&features=x1-x2-sin1&layers=5-3&activation=relu&loss=squared&optimizer=rmsprop" +
        "&schedule=warmup&penalty=l1&strength=0.003&dropout=0.2&batch=30&seed=5&paused=1",
    );
    await atStep(page, 0);
    await page.click("#open-code");
    const code = await (await page.waitForSelector("#code"))!.evaluate((code) => code.textContent!);
    const printed = await printedBy(code);
    expect(printed).toHaveLength(11);
    for (const epoch of [0, 1, 2, 3]) {
      if (epoch > 0) await page.click("#one-epoch");
      await atStep(page, 9 * epoch); // 280 points in batches of 30
      for (const [i, loss] of (await losses(page)).entries())
        expect(Number(loss), `${printed[epoch]}`).toBeCloseTo(printed[epoch]![i]!, 3);
    }
    for (const [library, starts] of [
      ["PyTorch", "import torch"],
      ["Keras", "import keras"],
    ] as const) {
      await page.click(`::-p-aria(${library})`);
      await page.waitForFunction((text) => document.querySelector("#code")?.textContent.includes(text), {}, starts);
    }
  });

  test("makes a link that hides controls", async () => {
    const page = await open("#layers=3&paused=1");
    await atStep(page, 0);
    await page.click("#open-teacher");
    await page.waitForSelector("#class-link");
    await page.click("::-p-aria(Optimizer[role='checkbox'])");
    const link = new URL(await page.$eval("#class-link", (link) => (link as HTMLAnchorElement).href));
    expect(link.hash).toBe("#layers=3&hide=teacher-optimizer&paused=1");
    await page.goto("about:blank");
    await page.goto(link.href);
    await atStep(page, 0);
    expect(await page.$("#open-teacher")).toBeNull();
    expect(await page.$("::-p-aria(Optimizer[role='combobox'])")).toBeNull();
    expect(await page.$("::-p-aria(Activation[role='combobox'])")).not.toBeNull();
  });

  test("can be used with the keyboard alone", async () => {
    const page = await open("#paused=1");
    await atStep(page, 0);
    const reachable = () => {
      const controls = "button:enabled, select, summary, input[type=range], input:checked";
      return [...document.querySelectorAll(controls)].filter((element) => element.checkVisibility());
    };
    const wanted = (await page.evaluate(`(${reachable})().length`)) as number;
    const reached = new Set<string>();
    // Links are reached, too.
    for (let i = 0; i < wanted + 3; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(`(${reachable})().indexOf(document.activeElement)`);
      if (at !== -1) reached.add(String(at));
    }
    expect(reached.size).toBe(wanted);
    await page.focus("#step");
    await page.keyboard.press("Enter");
    await atStep(page, 1);
    await page.focus("input:checked");
    await page.keyboard.press("ArrowRight");
    await atStep(page, 0);
    expect(await hash(page)).toBe("#problem=rings&paused=1");
    await page.focus("#play");
    await page.keyboard.press("Space");
    await goesOn(page);
  });

  test("has nothing that axe finds, in light, in dark and on a phone", async () => {
    const page = await open("#problem=hills&layers=3-2&paused=1");
    await atStep(page, 0);
    await expectAccessible(page);
  });

  test("draws seldom for those who want little motion", async () => {
    const page = await open("#paused=1", { motion: "reduce" });
    await atStep(page, 0);
    const apart = await page.evaluate(async () => {
      const times: number[] = [];
      const drawn = new Promise<void>((resolve) => {
        const seen = () => times.push(performance.now()) === 3 && resolve();
        const all = { characterData: true, childList: true, subtree: true };
        new MutationObserver(seen).observe(document.querySelector("#steps")!, all);
      });
      document.querySelector<HTMLButtonElement>("#play")!.click();
      await drawn;
      return times[2]! - times[0]!;
    });
    expect(apart).toBeGreaterThan(1500); // two pauses of a second
  });

  test("trains in the page where workers have no WebGPU, and says so", async () => {
    const page = await open("", { backend: "webgpu", spoilWorkers: withoutWebGPU });
    await page.waitForFunction(() => Number.parseFloat(document.querySelector("#accuracy")?.textContent ?? "") > 95);
    expect(await text(page, ".adapter")).toMatch(/It computes in this page: workers have no WebGPU in this browser\.$/);
  });

  test("says what to do when the GPU is lost", async () => {
    const page = await open("#noise=10", { backend: "webgpu", spoil: losable });
    await atLeast(page, 1);
    await lose(page);
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/GPU.*lost|lost.*GPU/i);
    expect(await isDisabled(page, "#play")).toBe(true);
    expect(await hash(page)).toBe("#noise=10");
    await page.click(".notice button");
    await page.waitForFunction(() => document.querySelector(".notice") === null);
    await atLeast(page, 1);
  });
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { describe, expect, test } from "vitest";
import { imageAt, unpack } from "../../demos/digits/images.ts";
import { packed } from "../../demos/digits/packing.ts";
import { packs } from "../../demos/digits/packs.ts";
import { pack } from "../../demos/parts/pack.ts";
import { runOnnx } from "../onnxExport.ts";
import { saved } from "./downloads.ts";
import { draw, strokesOf } from "./drawing.ts";
import { isWriting, typeOver, writtenIn } from "./editing.ts";
import { expectAccessible, expectLight, scriptSizes, widthOf } from "./judged.ts";
import { choose, hash, isDisabled, number, showsAnother, site, text } from "./pages.ts";
import { losable, lose, withoutWebGPU } from "./spoiled.ts";

const { open } = site("digits");

/** Waits until the page shows a step, with nothing under way. */
const atStep = (page: Page, step: number) =>
  page.waitForFunction(
    (wanted) =>
      document.querySelector("#steps")?.textContent === wanted &&
      document.querySelector(".course")?.getAttribute("aria-busy") === "false",
    {},
    String(step),
  );

const isMoreAccurate = (page: Page, network: string, percent: number) =>
  page.waitForFunction(
    (selector, least) => Number.parseFloat(document.querySelector(selector)?.textContent ?? "") > least,
    {},
    `#accuracy-test-${network}`,
    percent,
  );

/** All scores that the page shows. */
const scores = (page: Page) =>
  page.$$eval(".legend output", (all) => all.map(({ id, textContent }) => [id, textContent]));

const oneEpoch = async (page: Page, last: number) => {
  await page.click("#one-epoch");
  await atStep(page, last);
};

describe("the page of digits", () => {
  test("starts by itself, reads drawings while it learns, lists mistakes, and loads little", async () => {
    const page = await open("#model=mlp");
    await isMoreAccurate(page, "mlp", 85);
    expect(await text(page, ".adapter")).toMatch(/^Runs (on|in) \S/);
    expect(page.workers()).toHaveLength(1);
    expect(await text(page, "#caption")).toBe("Test image 1, a 7. Draw over it.");

    const { test: digits } = unpack(packs.first, new Uint8Array(await packed(packs.first)));
    for (const index of [1, 2]) {
      await page.click("#clear");
      await draw(page, strokesOf(imageAt(digits, index)));
      // Training goes on: an older guess may still be arriving.
      const right = (digit: string) => document.querySelector("#verdict strong")?.textContent === digit;
      await page.waitForFunction(right, {}, String(digits.labels[index]));
    }
    expect(await hash(page)).toBe("#model=mlp&test=0");
    const shares = await page.$$eval(".votes .bar span", (all) =>
      all.map((one) => Number.parseFloat(one.textContent!)),
    );
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(100, 0);

    await page.click("#play");
    await page.waitForSelector(".course[aria-busy=false]");
    const misread = await page.$$eval(".matrix .wrong", (cells) => cells.map((cell) => Number(cell.textContent)));
    const all = Number((await text(page, ".mistakes .note")).replace(",", "").match(/misreads (\d+) of/)![1]);
    expect(misread.reduce((sum, count) => sum + count)).toBe(all);
    const { id, count } = await page.$eval(".matrix .wrong", (cell) => ({ id: cell.id, count: cell.textContent }));
    await page.click(`#${id}`);
    const [, actual, guess] = id.split("-");
    expect(await text(page, "#listed")).toBe(`Images of ${actual === "8" ? "an" : "a"} ${actual} read as ${guess}`);
    const tiles = await page.$$eval(".tiles span", (spans) => spans.map((span) => span.textContent!));
    expect(tiles).toHaveLength(Math.min(18, Number(count)));
    for (const tile of tiles) expect(tile).toMatch(`${actual} as ${guess}, `);
    await page.click(".tiles button");
    const label = new RegExp(`^Test image [\\d,]+, a ${actual}\\.`);
    expect(await text(page, "#caption")).toMatch(label);
    await page.waitForFunction((digit) => document.querySelector("#verdict strong")?.textContent === digit, {}, guess!);

    // What keeps a training comes once there is one to keep, and what exports on request.
    expect([...(await scriptSizes(page)).keys()].filter((path) => /export/.test(path))).toEqual([]);
    await expectLight(page, 133, /(keeping|indexedDB)-[^/]*$/);
  });

  test("goes on after a reload, and shows the same scores at the same step, of two networks in a race", async () => {
    const page = await open("#model=both&images=100&dropout=50&rate=0.003&seed=7&paused=1&test=3");
    await atStep(page, 0);
    await oneEpoch(page, 2);
    const before = await scores(page);
    expect(before.map(([id]) => id)).toEqual(
      ["loss", "accuracy"].flatMap((of) =>
        ["cnn", "mlp"].flatMap((network) => ["test", "training"].map((set) => `${of}-${set}-${network}`)),
      ),
    );
    expect(await text(page, "#verdict")).toMatch(/^CNN: .*an? \d.*MLP: .*an? \d/);
    const misread = await text(page, ".mistakes .note");
    await page.reload();
    await atStep(page, 2);
    expect(await scores(page)).toEqual(before);
    await page.waitForSelector(".matrix");
    expect(await text(page, ".mistakes .note")).toBe(misread);
    await oneEpoch(page, 4);
    const after = await scores(page);
    expect(after).not.toEqual(before);
    // As if nothing had been interrupted.
    await page.click("#reset");
    await atStep(page, 0);
    for (const step of [2, 4]) await oneEpoch(page, step);
    expect(await scores(page)).toEqual(after);
    await page.click("#seed");
    await atStep(page, 0);
    await oneEpoch(page, 2);
    expect(await scores(page)).not.toEqual(before);
    expect(await hash(page)).toBe("#model=both&images=100&dropout=50&rate=0.003&seed=8&paused=1&test=3");
  });

  test("saves a training as a file, and goes on with it elsewhere", async () => {
    const downloads = await mkdtemp(join(tmpdir(), "tilegrad-digits-"));
    const page = await open("#model=mlp&images=500&seed=11&paused=1");
    await atStep(page, 0);
    await oneEpoch(page, 10);
    const before = await scores(page);
    const session = await page.createCDPSession();
    await session.send("Browser.setDownloadBehavior", {
      behavior: "allow",
      downloadPath: downloads,
      eventsEnabled: true,
    });
    const done = new Promise<void>((resolve) => {
      session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve());
    });
    await page.click("#save");
    await done;
    await oneEpoch(page, 20);
    const after = await scores(page);

    const other = await open("#images=100&paused=1");
    await atStep(other, 0);
    const load = async (path: string) => {
      const [chooser] = await Promise.all([other.waitForFileChooser(), other.click("#load")]);
      await chooser.accept([path]);
    };
    await load(import.meta.filename);
    await other.waitForSelector("#refused");
    expect(await text(other, "#refused")).toMatch(/^digits\.test\.ts: header length/);
    await load(join(downloads, "digits-mlp-10.safetensors"));
    await atStep(other, 10);
    expect(await hash(other)).toBe("#model=mlp&images=500&seed=11&paused=1");
    expect(await scores(other)).toEqual(before);
    expect(await other.$("#refused")).toBeNull();
    await oneEpoch(other, 20);
    expect(await scores(other)).toEqual(after);
    await rm(downloads, { recursive: true });
  });

  test("exports each network as an ONNX model, which ONNX Runtime runs with the same votes", async () => {
    const page = await open("#model=both&images=500&dropout=0&rate=0.01&paused=1&test=1");
    await atStep(page, 0);
    await oneEpoch(page, 10);
    const { test: digits } = unpack(packs.first, new Uint8Array(await packed(packs.first)));
    const data = [0, 1, 2].flatMap((index) => Array.from(imageAt(digits, index), (byte) => byte / 255));
    for (const network of ["cnn", "mlp"]) {
      const { name, bytes } = await saved(page, `#export-${network}`);
      expect(name).toBe(`digits-${network}.onnx`);
      // What the page says of the first image.
      const shares = await page.$$eval(`.votes .bar.${network} span`, (all) =>
        all.map((one) => Number.parseFloat(one.textContent!)),
      );
      const { votes } = await runOnnx(bytes, { image: { shape: [3, 1, 28, 28], dtype: "f32", data } });
      expect(votes!.shape).toEqual([3, 10]);
      const powers = votes!.data.subarray(0, 10).map(Math.exp);
      const sum = powers.reduce((all, power) => all + power);
      powers.forEach((power, digit) => {
        expect(Math.abs((100 * power) / sum - shares[digit]!)).toBeLessThan(0.06);
      });
      expect(Math.max(...shares)).toBeGreaterThan(20);
    }
    // The training goes on.
    await oneEpoch(page, 20);
  });

  test("shows over-fitting on request", async () => {
    const page = await open("#model=mlp&paused=1");
    await atStep(page, 0);
    await page.click("#overfit");
    const loss = (set: string) => `Number(document.querySelector("#loss-${set}-mlp")?.textContent)`;
    await page.waitForFunction(`${loss("training")} < 0.02 && ${loss("test")} > 0.5`);
    expect(await hash(page)).toBe("#model=mlp&images=100&dropout=0");
  });

  test("ignores what means nothing in an address, and acts on every choice", async () => {
    const page = await open("#model=rnn&images=7&dropout=99&rate=-1&seed=x&test=99999&paused=1");
    await atStep(page, 0);
    expect(await hash(page)).toBe("#paused=1");
    await choose(page, "Network", "mlp");
    await choose(page, "Images to train on", "100");
    await choose(page, "Dropout", "0");
    await choose(page, "Learning rate", "0.01");
    await atStep(page, 0);
    expect(await hash(page)).toBe("#model=mlp&images=100&dropout=0&rate=0.01&paused=1");
    await oneEpoch(page, 2);
    expect(await text(page, "#epoch")).toBe("1.0");
    await page.focus("#play");
    await page.keyboard.press("Space");
    await page.waitForFunction(() => Number.parseFloat(document.querySelector("#epoch")?.textContent ?? "") > 2);
  });

  test.each(["cnn", "mlp"])("shows in the %s the sums behind its numbers", async (model) => {
    const page = await open(`#model=${model}&images=500&paused=1`);
    await atStep(page, 0);
    const shown = (selector: string) => number(page, selector);
    /** The sum that the page shows, and whether its numbers add up. */
    const check = async () => {
      const [products, bias, total, gpu] = await Promise.all(
        ["#sum-products", "#sum-bias", "#sum-total", "#sum-computed"].map(shown),
      );
      expect(products! + bias!).toBeCloseTo(total!, 6);
      expect(Math.abs(total! - gpu!)).toBeLessThan(0.0011);
      const cells = await page.$$eval(".numbers", (tables) =>
        tables.map((table) => [...table.querySelectorAll("td")].map((td) => Number(td.textContent!.replace("−", "-")))),
      );
      return { products: products!, total: total!, cells };
    };
    await page.waitForSelector("#sum-total");
    if (model === "cnn") {
      const { cells, products, total } = await check();
      expect(cells.map(({ length }) => length)).toEqual([25, 25, 25]);
      expect(Math.abs(cells[2]!.reduce((a, b) => a + b) - products)).toBeLessThan(25 * 0.005);
      cells[2]!.forEach((product, i) => {
        expect(Math.abs(product - cells[0]![i]! * cells[1]![i]!)).toBeLessThan(0.03);
      });
      expect(await shown("#sum-activated")).toBe(Math.max(0, total));
      // A click on the map below and right of the first one.
      const map = (await page.$("[aria-label^='Convolution 2']"))!;
      await map.scrollIntoView();
      const { x, y, width, height } = (await map.boundingBox())!;
      await page.mouse.click(x + width * 0.4, y + height * 0.4);
      expect(await page.$eval(".sum select", (select) => (select as HTMLSelectElement).value)).toBe("4");
      expect(await page.$eval(".sum-place", (place) => place.textContent)).toMatch("Map 6");
      expect(await page.$$(".parts li")).toHaveLength(8);
      const parts = await page.$$eval(".part-sum", (sums) =>
        sums.map(({ textContent }) => Number(textContent!.replace("−", "-"))),
      );
      expect(Math.abs(parts.reduce((a, b) => a + b) - (await check()).products)).toBeLessThan(8 * 0.0005 + 0.001);
      await choose(page, "Layer", "3");
      expect(await text(page, ".equation")).toMatch(/^The largest of .* is /);
    } else {
      await check();
    }
    await page.click(".ballot li:nth-child(8) button");
    const before = await check();
    await oneEpoch(page, 10);
    // The number on the button is the sum's, also after the training has gone on.
    await showsAnother(page, "#sum-total", String(before.total));
    const vote = await shown(".ballot li:nth-child(8) span");
    expect(Math.abs((await check()).total - vote)).toBeLessThan(0.0056);
  });

  test("trains on all 60,000 images, and reads all 10,000 test images", async () => {
    const page = await open("#model=mlp&images=60000&paused=1");
    await atStep(page, 0);
    await page.click("#before");
    await page.waitForFunction(() =>
      document.querySelector("#caption")?.textContent?.startsWith("Test image 10,000, "),
    );
    await page.click("#play");
    await isMoreAccurate(page, "mlp", 80);
    // From the hundredth step on, it is examined on all of them.
    await page.waitForFunction(() =>
      / of 10,000 test images/.test(document.querySelector(".mistakes .note")?.textContent ?? ""),
    );
    await page.click("#play");
    await page.waitForSelector(".course[aria-busy=false]");
    const steps = await number(page, "#steps");
    // An epoch has 1,200 steps.
    expect(Number(await text(page, "#epoch"))).toBeCloseTo(steps / 1200, 0);
  });

  test("trains with an edited kernel: an equal one gives equal losses, one that stores zeros learns nothing", async () => {
    const page = await open("#model=mlp&images=500&dropout=0&rate=0.003&seed=3&paused=1", { backend: "webgpu" });
    await atStep(page, 0);
    await page.click("#open-kernels");
    await isWriting(page, ".editor");
    // It opens with the variant that tilegrad chose.
    await page.waitForFunction(() => /kernel=mlp\.matmul\.(?!own)\w+\.0/.test(location.hash));
    await choose(page, "Variant", "naive");
    await page.waitForFunction(() => location.hash.includes("kernel=mlp.matmul.naive.0"));
    await isWriting(page, ".editor");
    const own = await writtenIn(page, ".editor");
    /** The scores after two epochs with a text. */
    const trained = async (wgsl: string) => {
      if (wgsl !== (await writtenIn(page, ".editor"))) await typeOver(page, ".editor", wgsl);
      await page.click("#use-kernel");
      const words = wgsl === own ? "runs matmul/naive wherever it fits" : "runs your text in place of matmul/naive";
      await page.waitForFunction((words) => document.querySelector("#runs")?.textContent?.includes(words), {}, words);
      await page.click("#reset");
      await atStep(page, 0);
      for (const step of [10, 20]) await oneEpoch(page, step);
      return scores(page);
    };
    const accuracy = async () => Number.parseFloat(await text(page, "#accuracy-test-mlp"));
    const before = await trained(own);
    expect(await accuracy()).toBeGreaterThan(70);
    expect(await trained(own.replaceAll("sum", "total"))).toEqual(before);
    await trained(own.replace("sum += ", "sum += 0.0 * "));
    expect(await accuracy()).toBeLessThan(50);
    expect(await text(page, "#figures")).toMatch(/Yours[\d,]+[\d.]+ %20$/);

    const address = await hash(page);
    expect(address).toMatch(/&use=1&text=[\w-]+&paused=1$/);
    await typeOver(page, ".editor", own.replace("sum += ", "sum += nothing * "));
    await page.waitForSelector(".faults li");
    expect(await text(page, ".faults li")).toMatch(/^Line \d+, column 12: unresolved value 'nothing'/);
    expect(await isDisabled(page, "#use-kernel")).toBe(true);
    await page.reload();
    await page.waitForSelector("#figures, #runs");
    await page.waitForFunction(() => document.querySelector("#runs")?.textContent?.includes("your text"));
    expect(await hash(page)).toBe(address);
    await isWriting(page, ".editor");
    expect(await writtenIn(page, ".editor")).toContain("sum += 0.0 * ");
    await page.click("#own-kernel");
    await page.waitForFunction(() => document.querySelector("#runs")?.textContent?.includes("that tilegrad chose"));
    expect(await hash(page)).toMatch(/&kernel=mlp\.matmul\.naive\.0&paused=1$/);
  });

  test("says why a kernel of an address does not compile, and trains with its own", async () => {
    const packedText = await pack("fn main() { nothing(); }");
    const page = await open(
      `#model=mlp&images=100&seed=22&kernel=mlp.matmul.naive.0&use=1&text=${packedText}&paused=1`,
      { backend: "webgpu" },
    );
    await page.waitForSelector("#refused-kernel");
    expect(await text(page, "#refused-kernel")).toMatch(
      /^kernel "matmul.* does not compile\n {2}line 1, column 13: .*nothing/,
    );
    expect(await text(page, "#runs")).toBe("The training runs the kernels that tilegrad chose.");
    await isWriting(page, ".editor");
    expect(await writtenIn(page, ".editor")).toBe("fn main() { nothing(); }");
    await oneEpoch(page, 2);
  });

  test("can be used without a mouse, in the order of the page, with the focus in sight", async () => {
    const page = await open("#model=mlp&images=100&seed=21&paused=1");
    await atStep(page, 0);
    await oneEpoch(page, 2);
    await page.waitForSelector(".matrix");
    await page.focus("#open-kernels");
    await page.keyboard.press("Enter");
    await isWriting(page, ".editor");
    await page.waitForSelector("#use-kernel:enabled");
    await page.focus(".home");
    /** Places among all that can take the focus; of what is in an editor, the editor's. */
    const stops: { readonly place: number; readonly isSeen: boolean; readonly html: string }[] = [];
    for (;;) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const focused = document.activeElement!;
        if (focused === document.body) return undefined;
        const all = [...document.querySelectorAll<HTMLElement>("a, button, input, select, .editor, [tabindex]")].filter(
          (element) =>
            element.matches(".editor, :enabled, a, [tabindex='0']") &&
            element.checkVisibility() &&
            element.tabIndex >= (element.matches(".editor") ? -1 : 0),
        );
        const inner = focused.shadowRoot?.activeElement;
        const rings = [focused, inner, inner?.closest(".cm-editor")].filter((element) => element != null);
        const isSeen = rings.some((element) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(element);
          return outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0;
        });
        return {
          place: all.indexOf(focused as HTMLElement),
          isSeen,
          html: focused.outerHTML.slice(0, 80),
          count: all.length,
        };
      });
      if (!stop || stops.length > 200) break;
      if (stop.place !== stops.at(-1)?.place) stops.push(stop);
      if (stop.place === stop.count - 1) break;
    }
    expect(stops.filter(({ isSeen }) => !isSeen)).toEqual([]);
    // The link before them was the first; the guide's is below the heading.
    expect(stops.map(({ place }) => place)).toEqual(stops.map((_, i) => i + 1));
    if (stops[0]!.html.includes("without-webgpu")) stops.shift();
    const first = ["pad", "clear", "before", "example", "after", "play", "one-epoch", "reset", "seed"];
    expect(stops.slice(0, first.length).map(({ html }) => /id="([\w-]+)"/.exec(html)![1])).toEqual(first);
    expect(stops.some(({ html }) => html.includes("cell-0-0"))).toBe(true);
    expect(stops.at(-1)!.html).toContain("Kernel");
  });

  test("fits a phone, with pad and verdict first, and takes a finger's strokes", async () => {
    const viewport = { width: 390, height: 844, isMobile: true, hasTouch: true };
    const page = await open("#model=mlp&images=100&paused=1&test=0", { viewport });
    await atStep(page, 0);
    const bottom = await page.$eval("#verdict", (verdict) => verdict.getBoundingClientRect().bottom);
    expect(bottom).toBeLessThan(844);
    const tops = ["#pad", "#verdict", "#play", "#loss-test-mlp"].map((selector) =>
      page.$eval(selector, (element) => element.getBoundingClientRect().top),
    );
    const places = await Promise.all(tops);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    const { x, y, width } = (await (await page.$("#pad"))!.boundingBox())!;
    await page.touchscreen.touchStart(x + width / 2, y + 0.2 * width);
    for (let step = 1; step <= 10; step++)
      await page.touchscreen.touchMove(x + width / 2, y + (0.2 + 0.06 * step) * width);
    await page.touchscreen.touchEnd();
    await page.waitForSelector(".votes .best");
    expect(await page.evaluate(() => scrollY)).toBe(0);
    for (const width of [320, 390]) {
      await page.setViewport({ ...viewport, width });
      expect(await widthOf(page), `${width} pixels`).toBe(width);
    }
    await page.focus("#pad");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".hint");
    // A one with the keyboard; without Space, the pen only moves.
    await page.keyboard.press("ArrowUp");
    expect(await page.$(".hint")).not.toBeNull();
    await page.keyboard.press("Space");
    for (let step = 0; step < 12; step++) await page.keyboard.press("ArrowDown");
    await page.waitForSelector(".votes .best");
    expect(await page.$(".hint")).toBeNull();
  });

  test("has nothing that axe finds, in light, in dark and on a phone", async () => {
    const page = await open("#model=both&images=100&paused=1");
    await atStep(page, 0);
    await oneEpoch(page, 2);
    await page.waitForSelector(".matrix");
    await expectAccessible(page);
    await page.focus("#cell-0-0");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowRight");
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("cell-9-1");
  });

  test("leaves the page's thread to the page while it trains", async () => {
    const page = await open("#paused=1&model=both");
    await atStep(page, 0);
    await page.click("#play");
    await page.waitForFunction(() => /^[\d,]+$/.test(document.querySelector("#speed")?.textContent ?? ""));
    const before = await number(page, "#steps");
    // About 0.03; it would be near 1 if the page trained by itself.
    expect(await busyShare(page)).toBeLessThan(0.3);
    expect(await number(page, "#steps")).toBeGreaterThan(before);
  });

  test("trains in the page where workers have no WebGPU, and says so", async () => {
    const page = await open("#model=mlp", { backend: "webgpu", spoilWorkers: withoutWebGPU });
    await isMoreAccurate(page, "mlp", 60);
    expect(await text(page, ".adapter")).toMatch(/It computes in this page: workers have no WebGPU in this browser\.$/);
  });

  test("says what to do when the GPU is lost, and which images are missing", async () => {
    const page = await open("#model=mlp&images=100", { backend: "webgpu", spoil: losable });
    await isMoreAccurate(page, "mlp", 1);
    await lose(page);
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/GPU.*lost|lost.*GPU/i);
    expect(await isDisabled(page, "#play")).toBe(true);
    await page.click(".notice button");
    await isMoreAccurate(page, "mlp", 1);
    expect(await page.$(".notice")).toBeNull();

    const spoilWorkers = () => Object.assign(globalThis, { fetch: async () => new Response("<!doctype html>") });
    const bare = await open("", { spoilWorkers });
    await bare.waitForSelector(".notice");
    expect(await text(bare, ".notice")).toMatch(/^digits: \S+\/data\/first\.bin: has 15 bytes, expected 9420000 bytes/);
  });
});

/** The share of two seconds for which a page's thread computes, whatever else the machine does. */
async function busyShare(page: Page): Promise<number> {
  const client = await page.createCDPSession();
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  const read = async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    return (name: string) => metrics.find((metric) => metric.name === name)!.value;
  };
  const from = await read();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const to = await read();
  const [busy, passed] = ["TaskDuration", "Timestamp"].map((name) => to(name) - from(name)) as [number, number];
  return busy / passed;
}

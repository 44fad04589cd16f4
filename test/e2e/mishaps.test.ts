import type { Page } from "puppeteer";
import { describe, expect, test } from "vitest";
import { small } from "../recordings.ts";
import { choose, hash, site, text } from "./pages.ts";
import { withoutClipboard } from "./spoiled.ts";

const { openPage } = site();

/** Waits until the page has trained, and fails at once where it shows what went wrong. */
async function trains(page: Page): Promise<void> {
  const shown = await page.waitForFunction(() => {
    const step = Number(document.querySelector("#steps")?.textContent?.replaceAll(",", ""));
    return document.querySelector(".notice, .unsupported")?.textContent || step >= 1;
  });
  expect(await shown.jsonValue()).toBe(true);
}

/** Keeps a worker from its start for a second. */
const slow = (): void => {
  const end = performance.now() + 1000;
  while (performance.now() < end);
};

describe("a visitor in a hurry", () => {
  test("may change settings before the worker of the playground is there", async () => {
    const page = await openPage("playground/", { spoilWorkers: slow });
    await choose(page, "Activation", "relu");
    await trains(page);
    expect(await hash(page)).toBe("#activation=relu");
  });

  test("may change settings while the first network of texts is compiled", async () => {
    const page = await openPage("text/#hidden=16&batch=8", { spoilWorkers: slow });
    await choose(page, "Batch size", "16");
    await page.waitForSelector(".adapter");
    await choose(page, "Batch size", "32");
    await trains(page);
    expect(await hash(page)).toBe("#hidden=16");
  });

  test("may drag a slider where the browser limits changes of the address, as Safari does", async () => {
    const limit = (): void => {
      let left = 100;
      const { replaceState } = History.prototype;
      History.prototype.replaceState = function (...given) {
        if (--left < 0) throw new DOMException("more than 100 times per 30 seconds", "SecurityError");
        replaceState.apply(this, given);
      };
    };
    const page = await openPage("playground/#paused=1", { spoil: limit, spoilWorkers: () => undefined });
    const slider = await page.waitForSelector("::-p-aria(Noise[role='slider'])");
    await slider!.evaluate(async (element) => {
      const input = element as HTMLInputElement;
      for (let i = 0; i <= 200; i++) {
        input.value = String((5 * i) % 50);
        input.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise((go) => setTimeout(go, 2));
      }
      input.value = "35";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await page.waitForFunction(() => location.hash === "#noise=35&paused=1");
  });
});

describe("a link of another version", () => {
  test("with a kernel that digits does not have shows another", async () => {
    const page = await openPage("digits/#model=mlp&images=100&kernel=mlp.matmul.of_tomorrow.0&paused=1");
    await page.waitForSelector("::-p-aria(Variant[role='combobox'])");
    await page.click("#one-epoch");
    await trains(page);
  });
});

describe("a worker that ends without a word", () => {
  test.each(["playground/", "digits/#model=mlp&images=100", "text/#hidden=16&batch=8"])(
    "is noticed by %s",
    async (path) => {
      const page = await openPage(path);
      await page.waitForSelector(".adapter");
      await page.workers()[0]!.evaluate(() => self.close());
      await page.waitForSelector(".notice");
      expect(await text(page, ".notice")).toMatch(/^The GPU was lost: the worker has ended/);
    },
  );
});

test("a speed test whose worker ends without a word says so, and keeps what it has", async () => {
  const page = await openPage("speed/");
  await (await page.waitForSelector("#measure:enabled"))!.click();
  await page.waitForSelector("#stop");
  await page.workers()[0]!.evaluate(() => self.close());
  await page.waitForSelector(".notice");
  expect(await text(page, ".notice")).toMatch(/^The worker has ended/);
  expect(await page.$("#stop")).toBeNull();
});

describe("a recording", () => {
  test("without dispatches is shown, and keys do nothing there", async () => {
    const page = await openPage("inside/");
    await page.waitForSelector(".timeline .span");
    const empty = {
      ...small,
      ...{ dispatches: [], tensors: [], outputs: [], graph: undefined },
      timings: { encodeMs: 0, submitMs: 0, doneMs: 0 },
      memory: { ...small.memory, buffers: [], slots: [], needed: [], peak: { bytes: 0, dispatch: 0 } },
    };
    await page.evaluate((content) => {
      const data = new DataTransfer();
      data.items.add(new File([content], "empty.json"));
      document.querySelector(".inside")!.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    }, JSON.stringify(empty));
    await page.waitForFunction(() => document.querySelector("#dispatches")?.textContent === "0");
    await page.$eval(".timeline svg", (svg) => (svg as SVGElement).focus());
    for (const key of ["ArrowRight", "ArrowLeft", "+", "0"] as const) await page.keyboard.press(key);
    expect(await page.$(".timeline .span:not(.host)")).toBeNull();
  });
});

test("a button says when it may not copy", async () => {
  const page = await openPage("playground/#paused=1", { spoil: withoutClipboard, spoilWorkers: () => undefined });
  await page.click("::-p-aria(As code)");
  await page.waitForSelector("::-p-aria(Copy[role='button'])");
  await page.click("::-p-aria(Copy[role='button'])");
  await page.waitForSelector("::-p-aria(Copying is not allowed here)");
});

test("the playground says when its loss is no longer a number", async () => {
  const page = await openPage("playground/#problem=hills&rate=1&activation=linear&optimizer=momentum&layers=8-8");
  await page.waitForSelector("::-p-text(The loss is no longer a number)");
  expect(await text(page, "#train-loss")).toBe("–");
});

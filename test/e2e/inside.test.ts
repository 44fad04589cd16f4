import type { Page } from "puppeteer";
import { describe, expect, test } from "vitest";
import { toBase64 } from "../../src/bytes/base64.ts";
import { small } from "../recordings.ts";
import { expectAccessible, expectLight } from "./judged.ts";
import { dropFiles, hash, site, text } from "./pages.ts";

const { open } = site("inside");

/** Opens the page, and waits until it shows a recording. */
const openShown = async (hash = "") => {
  const page = await open(hash);
  await page.waitForSelector(".timeline .span");
  return page;
};

const panel = (page: Page) => text(page, ".panel");

const drop = (page: Page, name: string, content: string) => dropFiles(page, ".inside", { [name]: content });

describe("the page", () => {
  test("shows an example at once, and explains dispatches, buffers, nodes and numbers", async () => {
    const page = await openShown();
    expect(await text(page, "#dispatches")).toMatch(/^\d+$/);
    await expectLight(page, 53);

    await page.$eval(".timeline svg", (svg) => (svg as SVGElement).focus());
    await page.keyboard.press("ArrowRight");
    expect(await hash(page)).toBe("#pick=d0");
    const first = await panel(page);
    for (const word of [
      "matmul[16x128x784]+add+relu",
      "Why ",
      "shaders/matmul.wgsl.ts",
      "bound by arithmetic",
      "Norm",
      "@compute",
    ])
      expect(first).toContain(word);
    expect(await page.$$eval(".wgsl .keyword", (all) => all.length)).toBeGreaterThan(10);
    const ticks = () => page.$$eval(".tick text", (all) => all.map((each) => each.textContent).join());
    const before = await ticks();
    await page.keyboard.press("+");
    await page.waitForFunction(
      (old) => [...document.querySelectorAll(".tick text")].map((each) => each.textContent).join() !== old,
      {},
      before,
    );

    await page.click(".buffer");
    expect(await panel(page)).toMatch(/Life.*Maker.*Shares memory with/s);
    expect(await page.$$(".need.peak")).not.toHaveLength(0);

    await page.click(".choices label:first-of-type");
    await page.type("#search", "add [16, 10]");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".panel h2")?.textContent === "add");
    expect(await panel(page)).toMatch(/Then|Reads.*Read by.*Becomes/s);

    await page.click("::-p-aria(Follow this number)");
    await page.waitForSelector(".path li");
    const path = await text(page, ".path");
    expect(path).toContain("Its product is a sum of 128 terms");
    expect(path).toMatch(/x \[16, 784\]: 784 of 12544 lit/);

    await page.select("::-p-aria(Arrange[role='combobox'])", "layers");
    await page.waitForSelector(".layers tbody tr");
    expect(await hash(page)).toMatch(/^#stage=built&arrange=layers&pick=n\d+$/);
    await page.reload();
    await page.waitForFunction(() => document.querySelector(".panel h2")?.textContent === "add");
  });

  test("opens a file, keeps it for a reload, names what is wrong with another, and makes a Chrome trace", async () => {
    const page = await openShown();
    await drop(page, "mine.json", JSON.stringify(small));
    await page.waitForFunction(() => document.querySelector("#title")?.textContent === "mine.json");
    expect(await text(page, "#dispatches")).toBe("2");
    await drop(page, "trace.json", '{"traceEvents": []}');
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toContain(
      'trace.json: the file has no field "format", expected "tilegrad.recording"',
    );
    await drop(page, "damaged.json", JSON.stringify({ ...small, steps: "0" }));
    await page.waitForFunction(() => document.querySelector(".notice")?.textContent?.includes("damaged"));
    expect(await text(page, ".notice")).toContain('damaged.json: steps is "0", expected a list');
    expect(await text(page, "#title")).toBe("mine.json");
    await page.waitForFunction(() => location.hash === "#open=last");
    await page.reload();
    await page.waitForFunction(() => document.querySelector("#dispatches")?.textContent === "2");
    const saved = page.evaluate(
      () =>
        new Promise<string>((resolve) => {
          const make = URL.createObjectURL.bind(URL);
          URL.createObjectURL = (blob) => {
            void (blob as Blob).text().then(resolve);
            return make(blob);
          };
        }),
    );
    await page.click("::-p-aria(Chrome trace)");
    expect(JSON.parse(await saved).traceEvents.map(({ name }: { name: string }) => name)).toContain(
      "matmul[2x2x2]:f32",
    );
  });

  test("a link leads to an example, a stage and a node; its dispatch says what bounds it", async () => {
    const page = await open("#open=cnn&stage=lowered&arrange=layers&pick=n0");
    await page.waitForFunction(() => document.querySelector("#title")?.textContent === "A small CNN, Adam");
    await page.waitForSelector(".layers tbody tr");
    const name = await text(page, ".panel h2");
    expect(name).toMatch(/^conv2d\[/);
    await page.click(`::-p-aria(0: ${name})`);
    await page.waitForFunction(() => document.querySelector(".panel .kind")?.textContent === "Dispatch 0");
    expect(await panel(page)).toMatch(/bound by arithmetic: .* that is [\d.]+ % of the measured time/);
    expect(await hash(page)).toBe("#open=cnn&stage=lowered&arrange=layers&pick=d0");
    await page.reload();
    await page.waitForFunction(() => document.querySelector(".panel .kind")?.textContent === "Dispatch 0");
    expect(await text(page, ".panel h2")).toBe(name);
  });

  test("names first what is not finite, and leads to the element", async () => {
    const page = await openShown();
    const broken = small.tensors.map((tensor, i) => {
      if (i !== 1) return tensor;
      const values = toBase64(new Uint8Array(Float32Array.of(1, Number.NaN, 3, 4).buffer));
      return { ...tensor, values, statistics: tensor.statistics.map((each) => ({ ...each, nans: 1 })) };
    });
    await drop(page, "broken.json", JSON.stringify({ ...small, tensors: broken }));
    await page.waitForSelector("#broken");
    expect(await page.$$eval("#broken li", (all) => all.map(({ textContent }) => textContent))).toEqual([
      `${small.tensors[1]!.name} [2, 2]`,
    ]);
    await page.click("#broken button");
    await page.waitForFunction(() => document.querySelector(".element strong")?.textContent === "NaN");
    expect(await panel(page)).toMatch(/Not finite1 NaN, 0 infinite.*Element \[0, 1\] is NaN/s);
  });

  test("takes a recording from the page that opened it", async () => {
    const page = await open();
    const opened = new Promise<Page>((resolve) => page.once("popup", (popup) => resolve(popup!)));
    await page.evaluate(
      (recording) => {
        const tab = window.open("#open=opener")!;
        addEventListener("message", ({ source, data }) => {
          if (source === tab && data.tilegrad === "inside")
            tab.postMessage({ tilegrad: "recording", recording, title: "sent" }, "*");
        });
      },
      small as unknown as Record<string, never>,
    );
    const tab = await opened;
    await tab.waitForFunction(() => document.querySelector("#title")?.textContent === "sent");
    expect(await text(tab, "#dispatches")).toBe("2");
  });

  test("has nothing that axe finds, in light, in dark and on a phone", async () => {
    const page = await openShown("#stage=built&pick=d0");
    await page.waitForSelector(".wgsl");
    await expectAccessible(page);
  });
});

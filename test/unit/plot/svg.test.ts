import { unzlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { ConfusionMatrix } from "../../../src/metrics/index.ts";
import { confusionMatrix, gridPoints, histogram, imageGrid, learningCurves, scatter } from "../../../src/plot/index.ts";
import { all, type Element, parse, wordsOf } from "../../markup.ts";

/** The only element of a picture. */
const read = (svg: string): Element => {
  const { children } = parse(svg);
  expect(children).toHaveLength(1);
  return children[0] as Element;
};
const texts = (picture: Element): string[] => all(picture, "text").map(wordsOf);
const numbers = (text: string): number[] => [...text.matchAll(/-?[\d.]+(?:e-?\d+)?/g)].map(([n]) => Number(n));
/** The points of each curve, as pairs; a curve with gaps has several pieces. */
const curvesOf = (picture: Element): [number, number][][][] =>
  all(picture, "g").map((group) =>
    (all(group, "path")[0]!.attributes.d ?? "")
      .split("M")
      .slice(1)
      .map((piece) =>
        piece
          .replace("Z", "")
          .split("L")
          .map((pair) => numbers(pair) as [number, number]),
      ),
  );

const hostile = `"><script>alert('&')</script>\u0000\ud800`;
const shown = `"><script>alert('&')</script>\ufffd\ufffd`;

describe("learningCurves", () => {
  test("draws a curve per name, at places that its axes tell", () => {
    const picture = read(learningCurves({ training: [4, 2, 1], validation: [3, 3, 3] }, { width: 400, height: 300 }));
    expect(picture.attributes).toMatchObject({ viewBox: "0 0 400 300", role: "img" });
    const [training, validation] = curvesOf(picture).map(([points]) => points!);
    // Whole epochs are evenly spaced; 4, 2 and 1 have distances 2 : 1, and 3 lies in the middle of 4 and 2.
    expect(training!.map(([x]) => x)).toEqual(validation!.map(([x]) => x));
    expect(training![1]![0] - training![0]![0]).toBeCloseTo(training![2]![0] - training![1]![0], 1);
    const [four, two, one] = training!.map(([, y]) => y) as [number, number, number];
    expect((two - four) / (one - two)).toBeCloseTo(2, 2);
    expect(validation![0]![1]).toBeCloseTo((four + two) / 2, 1);
    expect(texts(picture)).toEqual(expect.arrayContaining(["training", "validation", "1", "2", "3", "4", "epoch"]));
    // Ticks are where their labels say.
    const labels = all(picture, "text").filter(({ attributes }) => attributes["text-anchor"] === "end");
    const place = (value: string) => Number(labels.find((label) => wordsOf(label) === value)!.attributes.y) - 4;
    expect([place("4"), place("2"), place("1")].map(Math.round)).toEqual([four, two, one].map(Math.round));
  });

  test("has a title and a description for people who cannot see it", () => {
    const picture = read(learningCurves({ loss: [2, 0.5, NaN, 1] }, { title: "Loss" }));
    expect(wordsOf(all(picture, "title")[0]!)).toBe("Loss");
    expect(wordsOf(all(picture, "desc")[0]!)).toBe(
      "loss: from 2 to 1, lowest 0.5 at epoch 2. 1 of 4 values is not shown.",
    );
    expect(wordsOf(all(read(learningCurves({ loss: [1] }, { description: "own" })), "desc")[0]!)).toBe("own");
  });

  test("leaves gaps at NaN and infinities, and shows single points as dots", () => {
    const picture = read(learningCurves({ loss: [5, 4, NaN, 3, Infinity, 2, 1] }));
    expect(curvesOf(picture)[0]!.map((piece) => piece.length)).toEqual([2, 1, 2]);
    expect(all(picture, "circle")).toHaveLength(1);
    const one = read(learningCurves({ loss: [0.5] }));
    expect(all(one, "circle")).toHaveLength(1);
    expect(texts(one).filter((text) => text === "1")).toHaveLength(1);
    expect(wordsOf(all(read(learningCurves({ loss: [NaN], none: [] })), "desc")[0]!)).toBe(
      "loss: no values. none: no values.",
    );
    expect(learningCurves({ loss: [3e38, -3e38, 1e308, -1e308] })).not.toMatch(/NaN|Infinity/);
  });

  test("has a logarithmic axis, on which equal factors are equal distances", () => {
    const picture = read(learningCurves({ loss: [100, 1, 0, -3, 0.01] }, { log: true }));
    const [[first, last]] = curvesOf(picture) as [[[number, number][], [number, number][]]];
    expect(first![1]![1] - first![0]![1]).toBeCloseTo(last![0]![1] - first![1]![1], 1);
    expect(texts(picture)).toEqual(expect.arrayContaining(["100", "1", "0.01"]));
    const wide = texts(read(learningCurves({ loss: [1e-30, 1e30] }, { log: true })));
    expect(wide).toContain("1e-24");
    expect(wide.filter((text) => /^1(e|$)/.test(text)).length).toBeLessThan(14);
    // The range of floats reaches beyond that of a scale: what is outside is a gap, as 0 is.
    for (const value of [5e-324, 1e-310, 1e-300, 1e300, 1.7e308]) {
      const extreme = learningCurves({ loss: [value, 1, value] }, { log: true });
      expect(extreme).not.toMatch(/NaN|Infinity/);
      expect(texts(read(extreme))).toContain("1");
    }
    expect(learningCurves({ loss: [5e-324] }, { log: true })).toContain("loss: no values.");
  });

  test("draws a million points as what a screen can show of them", () => {
    const loss = Float32Array.from({ length: 1e6 }, (_, i) => Math.sin(i / 1e5) + ((i * 7919) % 100) / 500);
    loss[345_678] = 9; // One point that must not get lost.
    const svg = learningCurves({ loss });
    expect(svg.length).toBeLessThan(100_000);
    const points = curvesOf(read(svg))[0]!.flat();
    const top = Math.min(...points.map(([, y]) => y));
    expect(points.filter(([, y]) => y === top)).toHaveLength(1);
    const labels = all(read(svg), "text").find((text) => wordsOf(text) === "9" || wordsOf(text) === "10")!;
    expect(top).toBeGreaterThanOrEqual(Number(labels.attributes.y) - 5);
  });

  test("marks a position, and takes positions of its own", () => {
    const picture = read(
      learningCurves({ loss: [3, 2, 1] }, { x: [0, 10, 40], mark: 10, markLabel: "kept", xLabel: "step" }),
    );
    const [points] = curvesOf(picture)[0]!;
    const [a, b, c] = points!.map(([x]) => x) as [number, number, number];
    expect((c - b) / (b - a)).toBeCloseTo(3, 2);
    expect(texts(picture)).toEqual(expect.arrayContaining(["kept", "step", "20"]));
    expect(
      all(picture, "path").some(
        ({ attributes }) => attributes.d === `M${b} ${numbers(attributes.d!)[1]}V${numbers(attributes.d!)[2]}`,
      ),
    ).toBe(true);
  });

  test("takes the history of a fit, and draws the loss or a metric of training and validation", () => {
    const history = {
      epochs: [
        { epoch: 3, loss: 2, accuracy: 0.5, lr: 0.1, val_accuracy: 0.25 },
        { epoch: 4, loss: 1, accuracy: 0.75, lr: 0.1 },
        { epoch: 5, loss: 0.5, accuracy: 1, lr: 0.1, val_accuracy: 0.75 },
      ],
    };
    const loss = read(learningCurves(history));
    expect(texts(loss)).toEqual(expect.arrayContaining(["training", "loss", "3", "4", "5"]));
    expect(texts(loss)).not.toContain("validation");
    const accuracy = read(learningCurves(history, { metric: "accuracy", title: "t" }));
    expect(texts(accuracy)).toEqual(expect.arrayContaining(["training", "validation", "accuracy"]));
    expect(wordsOf(all(accuracy, "desc")[0]!)).toBe(
      "training: from 0.5 to 1, lowest 0.5 at epoch 3. " +
        "validation: from 0.25 to 0.75, lowest 0.25 at epoch 3. 1 of 3 values is not shown.",
    );
    expect(() => learningCurves(history, { metric: "recall" })).toThrow(
      'learningCurves: there is no metric "recall", only "epoch", "loss", "accuracy", "lr", "val_accuracy"',
    );
    const empty = { epochs: [{ loss: undefined, val_loss: 1 }] };
    expect(() => learningCurves(empty)).toThrow(
      'learningCurves: metric "loss" is undefined in all epochs, expected a number in at least one',
    );
    expect(() => learningCurves(empty, { metric: "recall" })).toThrow('there is no metric "recall", only "val_loss"');
    expect(() => learningCurves({ loss: [1] }, { metric: "loss" })).toThrow(
      'learningCurves: metric is "loss", expected a history as the first argument',
    );
    // Curves may have any name.
    expect(texts(read(learningCurves({ epochs: [1, 2] })))).toContain("epochs");
  });

  test("refuses positions that do not ascend or do not suffice, and values that are no numbers", () => {
    expect(() => learningCurves({ loss: [1, 2] }, { x: [2, 1] })).toThrow("learningCurves: x[1] is 1, expected");
    expect(() => learningCurves({ loss: [1] }, { x: BigInt64Array.of(1n) as never })).toThrow("x[0] is 1, expected");
    expect(() => learningCurves({ loss: [1, 2, 3] }, { x: [1, 2] })).toThrow(
      'learningCurves: curve "loss" has 3 values for 2 positions x',
    );
    expect(() => learningCurves({ loss: ["1"] as never })).toThrow('learningCurves: curve "loss"[0] is "1"');
    expect(() => learningCurves([1, 2] as never)).toThrow(
      "learningCurves: the first argument is [1, 2], expected curves",
    );
  });
});

describe("confusionMatrix", () => {
  test("turns labels around their places in a picture of any size", () => {
    const labels = ["a class with a long name", "b"];
    const turns = confusionMatrix([1, 0, 0, 1], {
      labels: labels.map((name) => name.repeat(40)),
      size: 40_000,
    }).matchAll(/rotate\(([^)]*)\)/g);
    for (const [, numbers] of turns) expect(numbers).toMatch(/^-90( -?[\d.]+){2}$/);
  });

  test("has a cell per pair of classes that occurs, darker for larger shares of the actual class", () => {
    const matrix = new ConfusionMatrix(3).add([0, 0, 1, 2, 2], [0, 0, 0, 2, 2]);
    const picture = read(confusionMatrix(matrix, { labels: ["cat", "dog", "owl"] }));
    const cells = all(picture, "rect").filter(({ attributes }) => attributes.class === "cell");
    expect(cells.map(({ attributes }) => Number(attributes["fill-opacity"]))).toEqual([0.69, 0.37, 1]);
    expect(texts(picture)).toEqual(expect.arrayContaining(["2", "1", "cat", "dog", "owl", "actual", "predicted"]));
    expect(wordsOf(all(picture, "desc")[0]!)).toBe("4 of 5 samples are right. Most frequent mistakes: cat as dog (1).");
    expect(wordsOf(all(read(confusionMatrix([1, 0, 0, 0], { labels: ["a", "b"] })), "desc")[0]!)).toBe(
      "1 of 1 sample is right.",
    );
    expect(confusionMatrix([...matrix.counts], { labels: ["cat", "dog", "owl"] })).toBe(
      confusionMatrix(matrix, { labels: ["cat", "dog", "owl"] }),
    );
  });

  test("leaves out what does not fit: 100 classes have no counts and few labels", () => {
    const picture = read(confusionMatrix(new Int32Array(10_000).fill(12_345)));
    expect(texts(picture)).not.toContain("12,345");
    const labels = texts(picture).filter((text) => /^\d+$/.test(text));
    expect(labels.length).toBeGreaterThan(20);
    expect(labels.length).toBeLessThan(120);
  });

  test("refuses counts that are not square, and labels that are not one per class", () => {
    expect(() => confusionMatrix([1, 2, 3])).toThrow(
      "confusionMatrix: the matrix has 3 counts, expected [classes, classes]",
    );
    expect(() => confusionMatrix([1, 2, 3, -4])).toThrow(
      "confusionMatrix: the matrix[3] is -4, expected a whole number",
    );
    expect(() => confusionMatrix([1, 2, 3, 4], { labels: ["a"] })).toThrow("confusionMatrix: 1 label for 2 classes");
  });
});

/** The pixels of a PNG in an address, [height, width, channels]. */
function pixelsOf(href: string): { width: number; height: number; channels: number; pixels: number[] } {
  const file = Buffer.from(href.replace("data:image/png;base64,", ""), "base64");
  expect([...file.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
  const [width, height, channels] = [file.readUInt32BE(16), file.readUInt32BE(20), file[25] === 0 ? 1 : 3];
  const length = file.readUInt32BE(33);
  expect(file.toString("latin1", 37, 41)).toBe("IDAT");
  const lines = unzlibSync(file.subarray(41, 41 + length));
  const pixels = Array.from(lines).filter((_, i) => i % (1 + width * channels) > 0);
  return { width, height, channels, pixels };
}

describe("imageGrid", () => {
  const hrefs = (svg: string): string[] => all(read(svg), "image").map(({ attributes }) => attributes.href!);

  test("holds each image as a PNG with these pixels", () => {
    const pixels = Uint8Array.from({ length: 2 * 6 }, (_, i) => 20 * i);
    const svg = imageGrid(pixels, { shape: [2, 3], labels: ["first", "second"] });
    expect(hrefs(svg).map(pixelsOf)).toEqual([
      { width: 3, height: 2, channels: 1, pixels: [0, 20, 40, 60, 80, 100] },
      { width: 3, height: 2, channels: 1, pixels: [120, 140, 160, 180, 200, 220] },
    ]);
    expect(texts(read(svg))).toEqual(["Images", "first", "second"]);
  });

  test.each([
    [1, "1 image of 3 × 2."],
    [2, "2 images of 3 × 2."],
  ])("describes %i", (count, words) => {
    const svg = imageGrid(new Uint8Array(count * 6), { shape: [2, 3] });
    expect(wordsOf(all(read(svg), "desc")[0]!)).toBe(words);
  });

  test("takes planes of colours, and numbers between black and white", () => {
    const planes = Float32Array.from([0, 1, 0.5, 0.5, 1, 0]); // red 0 1, green ½ ½, blue 1 0
    expect(pixelsOf(hrefs(imageGrid(planes, { shape: [3, 1, 2] }))[0]!)).toMatchObject({
      channels: 3,
      pixels: [0, 128, 255, 255, 128, 0],
    });
    const normalized = [-2, 0, 2, 5, NaN, -9];
    expect(pixelsOf(hrefs(imageGrid(normalized, { shape: [1, 6], range: [-2, 2] }))[0]!).pixels).toEqual([
      0, 128, 255, 255, 0, 0,
    ]);
  });

  test("places them in columns, with room for labels", () => {
    const of = (columns: number | undefined) =>
      all(read(imageGrid(new Uint8Array(12 * 4), { shape: [2, 2], columns, width: 400 })), "image").map(
        ({ attributes: { x, y } }) => [Number(x), Number(y)] as const,
      );
    expect(new Set(of(3).map(([x]) => x)).size).toBe(3);
    expect(new Set(of(3).map(([, y]) => y)).size).toBe(4);
    expect(Math.max(...of(undefined).map(([x]) => x))).toBeLessThan(400 - 56);
  });

  test("keeps wide tiles in its width, and refuses more columns than fit", () => {
    const pixels = new Uint8Array(50 * 4);
    const edges = (columns: number, tile?: number) =>
      all(read(imageGrid(pixels, { shape: [2, 2], columns, tile, width: 400 })), "image").map(
        ({ attributes: { x, width } }) => Number(x) + Number(width),
      );
    for (const tile of [undefined, 1, 500]) expect(Math.max(...edges(4, tile), ...edges(29, tile))).toBeLessThan(400);
    expect(() => edges(30)).toThrow("imageGrid: columns is 30, expected a whole number from 1 to 29");
    expect(() => edges(1e9, 5)).toThrow("imageGrid: columns is 1000000000, expected");
  });

  test("shows 70,000 images with labels", () => {
    const labels = Array.from({ length: 70_000 }, (_, i) => `${i}`);
    const svg = imageGrid(new Uint8Array(labels.length), { shape: [1, 1], labels });
    expect(svg.split("<image ")).toHaveLength(labels.length + 1);
  });

  test("refuses pixels that are no numbers", () => {
    for (const [pixels, shown] of [
      [["a", "b"], '"a"'],
      [BigInt64Array.of(1n, 2n), "1"],
      [[undefined, 1], "missing"],
    ] as const)
      expect(() => imageGrid(pixels as never, { shape: [1, 2] })).toThrow(
        new RegExp(`^imageGrid: the pixels\\[0\\] is ${shown}n?, expected a number$`),
      );
  });

  test("refuses pixels that do not make whole images, and unknown layouts", () => {
    expect(() => imageGrid(new Uint8Array(5), { shape: [2, 2] })).toThrow(
      "imageGrid: 5 values cannot be divided into images of [2, 2]",
    );
    expect(() => imageGrid(new Uint8Array(8), { shape: [2, 2, 2] })).toThrow("imageGrid: shape is [2, 2, 2], expected");
    expect(() => imageGrid(new Uint8Array(8), {} as never)).toThrow(
      "imageGrid: shape is missing, expected [height, width]",
    );
    expect(() => imageGrid(new Uint8Array(8), { shape: [2, 2], labels: ["a"] })).toThrow(
      "imageGrid: 1 label for 2 images",
    );
    expect(() => imageGrid(new Uint8Array(4), { shape: [2, 2], range: [1, 1] })).toThrow("imageGrid: range is [1, 1]");
  });
});

describe("histogram", () => {
  /** Bars as [left, right, height]. */
  const bars = (svg: string) =>
    all(read(svg), "rect")
      .filter(({ attributes }) => attributes.class === "bar")
      .map(({ attributes: { x, width, height } }) => [Number(x), Number(x) + Number(width), Number(height)] as const);

  test("has bars as high as their counts, the largest value included", () => {
    const heights = bars(histogram([0, 1, 1, 1, 2, 2, 3, 10], { bins: 10 })).map(([, , height]) => height);
    expect(heights).toHaveLength(5);
    expect(heights.map((height) => height / heights[0]!)).toEqual([1, 3, 2, 1, 1].map((n) => expect.closeTo(n, 2)));
  });

  test("does not count what is not finite, and says so", () => {
    const svg = histogram([1, 2, NaN, 3, Infinity]);
    expect(wordsOf(all(read(svg), "desc")[0]!)).toBe("3 values from 1 to 3, mean 2. 2 others are not finite.");
    const [one] = all(read(histogram([1, NaN])), "desc");
    expect(wordsOf(one!)).toBe("1 value from 1 to 1, mean 1. 1 other is not finite.");
    expect(wordsOf(all(read(histogram([NaN])), "desc")[0]!)).toBe("None of 1 value is finite.");
    expect(bars(histogram([]))).toEqual([]);
  });

  test("holds equal values, a million of them, and a logarithmic axis of counts", () => {
    expect(bars(histogram(new Float32Array(1e6).fill(3)))).toHaveLength(1);
    const heights = bars(histogram([...new Array(1000).fill(0.5), 9.5], { bins: 10, log: true })).map(([, , h]) => h);
    // 1000 and 1 are as far apart as three decades; the axis begins at a half.
    expect(heights[0]! / heights[1]!).toBeCloseTo(Math.log(2000) / Math.log(2), 1);
  });
});

test("users' words are text wherever they appear", () => {
  const pictures = [
    learningCurves(
      { [hostile]: [1, 2] },
      { title: hostile, xLabel: hostile, yLabel: hostile, mark: 1, markLabel: hostile },
    ),
    confusionMatrix([1, 2, 3, 4], { title: hostile, labels: [hostile, hostile] }),
    imageGrid(new Uint8Array(4), { title: hostile, shape: [2, 2], labels: [hostile], tile: 600 }),
    histogram([1, 2], { title: hostile, xLabel: hostile, description: hostile }),
  ];
  for (const svg of pictures) {
    const picture = read(svg); // Throws where it is not well-formed.
    expect(all(picture, "script")).toEqual([]);
    expect(wordsOf(all(picture, "title")[0]!)).toBe(shown);
  }
});

describe("scatter", () => {
  const xor = { one: { x: [0, 1], y: [1, 0] }, zero: { x: [0, 1], y: [0, 1] } };
  const square = { x: [0, 1] as const, y: [0, 1] as const, width: 400, height: 400 };
  /** Places of the discs of the first group: a legend comes before them. */
  const discs = (svg: string): number[][] =>
    all(all(read(svg), "g")[0]!, "circle").map(({ attributes }) => [Number(attributes.cx), Number(attributes.cy)]);

  test("draws a mark for each point, right and up for more", () => {
    const [[x0, y0], [x1, y1]] = discs(scatter(xor, { width: 400, height: 400 })) as [number[], number[]];
    expect(x1!).toBeGreaterThan(x0! + 200);
    expect(y1!).toBeGreaterThan(y0! + 200);
    expect(all(all(read(scatter(xor)), "g")[1]!, "rect")).toHaveLength(2);
  });

  test("says how many points there are and where", () => {
    const [description] = all(read(scatter(xor, { lines: { l: { x: [0, 2], y: [1, 3] } } })), "desc").map(wordsOf);
    expect(description).toBe(
      "one: 2 points, x from 0 to 1, y from 0 to 1. zero: 2 points, x from 0 to 1, y from 0 to 1. Line l: x from 0 to 2, y from 1 to 3.",
    );
  });

  test("keeps to the ends of its axes: points outside are left out, lines are cut", () => {
    const svg = scatter(
      { a: { x: [0, 0.5, 5], y: [0, 0.5, 0.5] } },
      { ...square, lines: { l: { x: [-9, 9], y: [0, 1] } } },
    );
    expect(discs(svg)).toHaveLength(2);
    const inner = all(read(svg), "svg");
    expect(
      inner.some((picture) => all(picture, "path").some(({ attributes }) => attributes["stroke-width"] === "2")),
    ).toBe(true);
  });

  test("leaves out what is not finite, and breaks lines there", () => {
    const svg = scatter(
      { a: { x: [0, NaN, 1], y: [0, 1, Infinity] } },
      { lines: { l: { x: [0, 1, 2, 3], y: [0, 1, NaN, 1] } } },
    );
    expect(discs(svg)).toHaveLength(1);
    const lines = all(read(svg), "path").filter(({ attributes }) => attributes["stroke-width"] === "2");
    expect(lines.map(({ attributes }) => attributes.d!.split("M").length - 1)).toEqual([2]);
  });

  /** Contour lines, as places. */
  const contoursOf = (svg: string): [number, number][][] =>
    all(read(svg), "path")
      .filter(({ attributes }) => /^(line|ink)$/.test(attributes.class ?? "") && attributes.d!.endsWith("Z"))
      .map(({ attributes }) =>
        [...attributes.d!.matchAll(/([-\d.]+) ([-\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]),
      );

  test("draws contour lines where a surface has their value", () => {
    const corners = { corner: { x: [0.5], y: [0.5] } };
    const svg = scatter(corners, { ...square, surface: (x) => x, levels: [0.5], middle: 0.5 });
    const [[centre]] = discs(svg) as [[number, number]];
    const [contour] = contoursOf(svg);
    // The contour of x = 0.5 is the vertical through the point in the middle, closed around the right half.
    expect(Math.min(...contour!.map(([x]) => x))).toBeCloseTo(centre, 0);
  });

  test("takes values on a grid as a function that gives the same", () => {
    const bowl = (x: number, y: number) => x * x + y * y;
    const { data, shape } = gridPoints([-1, 2], [-1, 1], 65);
    expect(shape).toEqual([65 * 65, 2]);
    expect([...data.slice(0, 4)]).toEqual([-1, -1, expect.closeTo(-1 + 3 / 64), -1]);
    const values = Float64Array.from({ length: 65 * 65 }, (_, i) => bowl(data[2 * i]!, data[2 * i + 1]!));
    const options = { x: [-1, 2], y: [-1, 1] } as const;
    expect(scatter({}, { ...options, surface: values })).toBe(scatter({}, { ...options, surface: bowl }));
  });

  test("holds a surface that is nowhere finite, and one that is flat", () => {
    for (const value of [NaN, 1]) read(scatter({}, { ...square, surface: () => value }));
  });

  test("escapes words", () => {
    const picture = read(scatter({ [hostile]: { x: [0], y: [0] } }, { title: hostile, xLabel: hostile }));
    expect(all(picture, "title").map(wordsOf)).toEqual([shown]);
    expect(all(picture, "script")).toEqual([]);
  });

  test("refuses what is no plane of points", () => {
    expect(() => scatter({ a: { x: [1, 2], y: [1] } })).toThrow('scatter: "a" has 2 values x and 1 values y');
    expect(() => scatter({ a: { x: "1" } as never })).toThrow('scatter: x of "a"');
    expect(() => scatter({}, { x: [1, 0] })).toThrow("scatter: x is [1, 0], expected the ends of an axis");
    expect(() => scatter({}, { surface: () => 1 })).toThrow("scatter: surface needs the ends of both axes");
    expect(() => scatter({}, { ...square, surface: [1, 2, 3] })).toThrow(
      "surface has 3 values, expected those of a square",
    );
  });
});

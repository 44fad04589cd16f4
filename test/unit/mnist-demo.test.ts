import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mnistImage } from "../../demos/digits/ink.ts";
import { pixels, side } from "../../demos/mnist/dataset.ts";
import { parseOptions } from "../../demos/mnist/terminal/options.ts";
import { clock } from "../../demos/terminal/format.ts";
import { OptionError } from "../../demos/terminal/options.ts";

describe("a drawing becomes an image in MNIST's format:", () => {
  const size = 280;

  /** Ink in a rectangle. */
  const drawing = (left: number, top: number, width: number, height: number): Uint8Array =>
    Uint8Array.from({ length: size * size }, (_, i) => {
      const [x, y] = [i % size, Math.floor(i / size)];
      return x >= left && x < left + width && y >= top && y < top + height ? 255 : 0;
    });

  test("blank paper gives none", () => {
    expect(mnistImage(new Uint8Array(size * size), size)).toBeUndefined();
  });

  test.each([
    ["large, off the centre", drawing(10, 20, 50, 200), 5, 20],
    ["small", drawing(200, 200, 20, 30), 20 / 1.5, 20],
    ["flat, at the edge", drawing(0, 270, 280, 10), 20, 20 / 28],
  ])("%s: fits a box of 20 × 20 around the centre", (_, ink, width, height) => {
    const image = mnistImage(ink, size)!;
    const sum = (weight: (x: number, y: number) => number) =>
      image.reduce((total, byte, i) => total + (byte / 255) * weight((i % side) + 0.5, Math.floor(i / side) + 0.5), 0);
    const mass = sum(() => 1);
    expect(mass).toBeCloseTo(width * height, 0);
    expect(sum((x) => x) / mass).toBeCloseTo(14, 1);
    expect(sum((_, y) => y) / mass).toBeCloseTo(14, 1);
    const covered = (axis: (i: number) => number) => new Set([...image.keys()].filter((i) => image[i]! > 16).map(axis));
    expect(Math.abs(covered((i) => i % side).size - width)).toBeLessThanOrEqual(2);
    expect(Math.abs(covered((i) => Math.floor(i / side)).size - height)).toBeLessThanOrEqual(2);
  });

  test("an image in MNIST's format stays unchanged", () => {
    // A frame of 20 × 20 around the centre, 2 pixels wide.
    const frame = Uint8Array.from({ length: pixels }, (_, i) => {
      const far = Math.max(Math.abs((i % side) - 13.5), Math.abs(Math.floor(i / side) - 13.5));
      return far < 10 && far > 8 ? 255 : 0;
    });
    const large = Uint8Array.from({ length: size * size }, (_, i) => {
      return frame[Math.floor(i / size / 10) * side + Math.floor((i % size) / 10)]!;
    });
    expect(mnistImage(large, size)).toEqual(frame);
  });
});

describe("options of npm start:", () => {
  test("have defaults", () => {
    const { output, model, ...numbers } = parseOptions([])!;
    expect(model).toBe("cnn");
    expect(numbers).toEqual({ epochs: 3, batchSize: 64, lr: 0.01, seed: 1, limit: 60_000 });
    expect(output).toMatch(/mnist\.safetensors$/);
    expect(parseOptions(["--model", "mlp"])).toMatchObject({ model: "mlp", epochs: 5, lr: 3e-3 });
    expect(parseOptions(["--full"])).toMatchObject({ model: "cnn", epochs: 12 });
    expect(parseOptions(["--full", "--model", "mlp"])).toMatchObject({ model: "mlp", epochs: 20 });
    expect(parseOptions(["--help"])).toBeUndefined();
  });

  test.each([
    [["--model", "rnn"], '--model is "rnn", expected cnn or mlp'],
    [["--full", "--epochs", "3"], "--full and --epochs both set how long to train"],
    [["--epochs", "0"], '--epochs is "0", expected a whole number from 1 to 1,000'],
    [["--batch-size", "1.5"], '--batch-size is "1.5", expected a whole number from 1 to 10,000'],
    [["--seed=-1"], '--seed is "-1", expected a whole number from 0 to 4,294,967,295'],
    [["--limit", "1e3"], '--limit is "1e3"'],
    [["--lr", "0"], '--lr is "0", expected a number above 0'],
    [["--lr", "fast"], '--lr is "fast", expected a number'],
    [["--output", tmpdir()], "expected the name of a file"],
    [["--output", join(tmpdir(), "no such folder", "weights")], "cannot be written to"],
    [["--epoch", "3"], "Unknown option '--epoch'"],
    [["3"], "Unexpected argument '3'"],
    [["--lr"], "Option '--lr <value>' argument missing"],
  ])("%j is refused", (args, message) => {
    expect(() => parseOptions(args)).toThrow(OptionError);
    expect(() => parseOptions(args)).toThrow(message);
  });

  test("times are formatted like clocks", () => {
    expect([0, 59.4, 59.6, 754, 3723].map(clock)).toEqual(["0:00", "0:59", "1:00", "12:34", "1:02:03"]);
  });
});

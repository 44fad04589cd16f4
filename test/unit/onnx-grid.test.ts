import { describe, expect, test } from "vitest";
import { grad, sum } from "../../src/index.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { sequence } from "../mutants.ts";
import { runOnnx } from "../onnxExport.ts";
import { info, int, model, node, text } from "../onnxFile.ts";

// GridSample reads images at places of a grid; ONNX Runtime says what is right.

const draw = sequence(4);
const numbers = (count: number, size: number): Float32Array =>
  Float32Array.from({ length: count }, () => (size * (draw(2001) - 1000)) / 1000);
const image = { shape: [2, 3, 5, 4], dtype: "f32", data: numbers(120, 2) } as const;
// Beyond −1 and 1 is outside of the image; the first places are its corners, its center, and far away.
const places = numbers(84 * 2, 1.5);
places.set([-1, -1, 1, 1, 1, -1, 0, 0, 50, -50, 0.25, 0.5]);
const grid = { shape: [2, 6, 7, 2], dtype: "f32", data: places } as const;

const file = (opset: number, mode: string, padding: string, corners: number): Uint8Array =>
  model({
    opset,
    nodes: [
      node(
        "GridSample",
        ["x", "grid"],
        ["y"],
        [text("mode", mode), text("padding_mode", padding), int("align_corners", corners)],
      ),
    ],
    inputs: [info("x", image.shape), info("grid", grid.shape)],
    outputs: [info("y", [2, 3, 6, 7])],
  });
const inputs = { x: image.data, grid: grid.data };

describe.each([
  { opset: 16, linear: "bilinear" },
  { opset: 20, linear: "linear" },
])("GridSample of opset $opset", ({ opset, linear }) => {
  const cases = [linear, "nearest"].flatMap((mode) =>
    ["zeros", "border"].flatMap((padding) => [0, 1].map((corners) => [mode, padding, corners] as const)),
  );
  test.each(cases)("%s, %s, align_corners=%i", async (mode, padding, corners) => {
    const bytes = file(opset, mode, padding, corners);
    const { outputs } = importOnnx(bytes);
    const got = evaluate(outputs, { inputs })["y"]!;
    const wanted = (await runOnnx(bytes, { x: image, grid }))["y"]!;
    expect(got.shape).toEqual(wanted.shape);
    const distance = Math.max(...wanted.data.map((value, i) => Math.abs(value - got.data[i]!)));
    expect(distance).toBeLessThan(1e-4);
  });
});

test("GridSample is differentiable: the weights of a place sum to 1", () => {
  const { outputs, inputs: given } = importOnnx(file(20, "linear", "border", 1));
  const [dx] = grad(sum(outputs["y"]!), [given["x"]!]);
  const { data } = evaluate([dx!], { inputs: { grid: grid.data } })[0]!;
  expect(data.reduce((total, value) => total + value, 0)).toBeCloseTo(2 * 3 * 6 * 7, 3);
});

test.each([
  ["cubic", "zeros", "mode cubic is not supported"],
  ["linear", "reflection", "padding_mode reflection is not supported"],
])("%s with %s is refused", (mode, padding, message) => {
  expect(() => importOnnx(file(20, mode, padding, 0))).toThrow(message);
});

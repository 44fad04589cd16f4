import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { add, input, matmul, relu, slice, type Tensor, transpose } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { findRacesIn } from "../../src/selfcheck/index.ts";
import { gpu, software } from "../adapters.ts";

/* Stacks of products with one matrix, which GPUs compute as a single product if rows are at even distances. */

const shapes = { x: [3, 5, 8], turned: [3, 8, 5], w: [8, 12], bias: [12], all: [3, 5, 12], each: [3, 1, 12] };
const of = (name: keyof typeof shapes) => input(name, shapes[name]);
const dataOf = (shape: readonly number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7 + shape.length));
const plus = (name: keyof typeof shapes) => relu(add(matmul(of("x"), of("w")), of(name)));

describe("a stack of products with one matrix", () => {
  test.each<[string, Tensor, "one" | "three"]>([
    ["as it is", matmul(of("x"), of("w")), "one"],
    ["with a bias", plus("bias"), "one"],
    ["with a tensor of the result's shape", plus("all"), "one"],
    ["with a row for each matrix", plus("each"), "three"],
    ["of transposed matrices", matmul(transpose(of("turned")), of("w")), "three"],
    [
      "of parts of matrices",
      matmul(
        slice(of("x"), [
          [0, 3],
          [1, 4],
        ]),
        of("w"),
      ),
      "three",
    ],
  ])("%s", (_, y, products) => {
    const { inputs, calls } = compile({ outputs: { y } }, gpu);
    const feeds = Object.fromEntries([...inputs.keys()].map((name) => [name, dataOf(shapes[name as "x"])]));
    const { outputs, findings } = findRacesIn({ outputs: { y } }, feeds, { traits: gpu });
    const wanted = evaluate({ y }, { inputs: feeds }).y.data;
    expect(outputs["y"]).toHaveLength(wanted.length);
    wanted.forEach((value, i) => {
      expect(outputs["y"]![i]).toBeCloseTo(value, 4);
    });
    expect(findings.filter(({ kind }) => kind !== "bounds")).toEqual([]);
    expect(calls[0]!.choices![0]!.problem).toContain(products === "one" ? "m=15 n=12 k=8 batches=1" : "batches=3");
    const [onCpu] = compile({ outputs: { y } }, software).calls;
    expect(onCpu!.choices![0]!.problem).toContain("batches=3");
    expect(onCpu!.label).toBe(calls[0]!.label);
  });
});

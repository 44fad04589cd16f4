import { describe, expect, test } from "vitest";
import { searchIndex } from "../../demos/search/build/plugin.ts";
import { find } from "../../demos/search/finding.ts";

/* One search over lessons, guides and the reference. */

const index = await searchIndex();

/** Addresses of what is found first. */
const first = (words: string, n = 3): string[] =>
  find(index, words)
    .map(({ address }) => address)
    .slice(0, n);

describe("the search", () => {
  test.each([
    ["crossEntropy", "reference/losses.html#crossEntropy"],
    ["cross entropy", "reference/losses.html#crossEntropy"],
    ["dropout", "reference/nn.html#dropout"],
    ["nn.linear", "reference/nn.html#linear"],
    ["loadSafetensors", "reference/io.html#loadSafetensors"],
    ["ShapeError", "reference/errors.html#ShapeError"],
    ["Engine.compile", "reference/engine.html#Engine.compile"],
  ])("finds %s first", (words, address) => {
    expect(first(words, 1)).toEqual([address]);
  });

  test.each([
    ["linear", /^reference\/nn\.html#linear$/],
    ["xor", /^course\/xor\.html/],
    ["learning rate", /^course\/[\w-]+\.html#.*learning-rate/],
    ["dropout", /^course\/overfitting\.html/],
    ["sigmoid", /^course\/(activations|logistic)\.html|#sigmoid$/],
    ["attention", /^course\/attention\.html/],
    ["early stopping", /^(guides\/training|course\/overfitting)\.html|#earlyStopping$/],
    ["keras", /^guides\/from-keras\.html/],
    ["saving", /^guides\/saving\.html/],
  ])("finds %s among the first three", (words, address) => {
    expect(first(words)).toEqual(expect.arrayContaining([expect.stringMatching(address)]));
  });

  test("forgives a slip, takes the beginning of a word, and finds nothing where there is nothing", () => {
    expect(first("attentoin").join()).toContain("attention");
    expect(first("overfit")).toEqual(expect.arrayContaining([expect.stringMatching(/^course\/overfitting/)]));
    expect(first("qqqq")).toEqual([]);
  });
});

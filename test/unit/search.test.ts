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

  // On the page of the course: who wants to know what a word means finds its lesson.
  test.each([
    ["perceptron", /^course\/xor/],
    ["sigmoid", /^course\/(activations|neuron|logistic)/],
    ["learning rate", /^course\/(neuron|line)/],
    ["softmax", /^course\/(logistic|losses)/],
    ["cross-entropy", /^course\/(logistic|losses)/],
    ["dropout", /^course\/overfitting/],
    ["batch normalization", /^course\/vanishing-gradients/],
    ["layer normalisation", /^course\/(vanishing-gradients|data-parallel|attention)/],
    ["padding", /^course\/filters/],
    ["stride", /^course\/filters/],
    ["pooling", /^course\/filters/],
    ["convolution", /^course\/(filters|digits)/],
    ["backpropagation", /^course\/chain-rule/],
    ["chain rule", /^course\/chain-rule/],
    ["overfitting", /^course\/overfitting/],
    ["early stopping", /^course\/overfitting/],
    ["regularization", /^course\/overfitting/],
    ["weight decay", /^course\/overfitting/],
    ["confusion matrix", /^course\/(measuring|digits)/],
    ["ROC", /^course\/measuring/],
    ["recall", /^course\/measuring/],
    ["LSTM", /^course\/recurrent/],
    ["GRU", /^course\/(recurrent|tagger)/],
    ["embedding", /^course\/(names|attention)/],
    ["attention", /^course\/attention/],
    ["transformer", /^course\/(attention|transformer)/],
    ["GAN", /^course\/(autoencoder|gan)/],
    ["VAE", /^course\/(autoencoder|vae|variational)/],
    ["U-Net", /^course\/(autoencoder|segment|u-net)/],
    ["transfer learning", /^course\/transfer/],
    ["gradient clipping", /^course\/optimizers/],
    ["momentum", /^course\/optimizers/],
    ["one-hot", /^course\/losses/],
    ["k-means", /^course\/neighbours/],
    ["PCA", /^course\/neighbours/],
    ["SVM", /^course\/svm/],
    ["decision tree", /^course\/kernel-trick/],
    ["data augmentation", /^course\/(overfitting|augmentation)/],
    ["epoch", /^course\/ten-steps/],
    ["batch size", /^course\/data-parallel/],
  ])("leads from the course to the lesson on %s", (words, lesson) => {
    const found = find(index, words, "lesson").slice(0, 3);
    expect(found.map(({ address }) => address)).toEqual(expect.arrayContaining([expect.stringMatching(lesson)]));
  });

  test("forgives a slip, takes the beginning of a word, and finds nothing where there is nothing", () => {
    expect(first("attentoin").join()).toContain("attention");
    expect(first("overfit")).toEqual(expect.arrayContaining([expect.stringMatching(/^course\/overfitting/)]));
    expect(first("qqqq")).toEqual([]);
  });
});

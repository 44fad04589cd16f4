import table from "@observablehq/sample-datasets/penguins.csv?raw";
import * as datasets from "../../../src/datasets/index.ts";

export * from "../../../src/datasets/index.ts";

/*
 * tilegrad/datasets for cells. The files come with the page, so that a lesson works without a network. A program in Node
 * reads them from the packages.
 */

const files = { "penguins.csv": new TextEncoder().encode(table) };

/** `penguins` of tilegrad/datasets. */
export const penguins: typeof datasets.penguins = (options) => datasets.penguins({ files, ...options });

import type { Load } from "./notebook.ts";

type Module = Readonly<Record<string, unknown>>;

/** The public modules of tilegrad that cells may import, each loaded when a cell first does. */
export const modules: Readonly<Record<string, () => Promise<Module>>> = {
  tilegrad: () => import("../../../src/index.ts"),
  "tilegrad/augment": () => import("../../../src/augment/index.ts"),
  "tilegrad/data": () => import("../../../src/data/index.ts"),
  "tilegrad/data/csv": () => import("../../../src/data/csv/index.ts"),
  "tilegrad/data/text": () => import("../../../src/data/text/index.ts"),
  "tilegrad/datasets": () => import("../../../src/datasets/index.ts"),
  "tilegrad/io": () => import("../../../src/io/index.ts"),
  "tilegrad/losses": () => import("../../../src/losses/index.ts"),
  "tilegrad/metrics": () => import("../../../src/metrics/index.ts"),
  "tilegrad/model": () => import("../../../src/model/index.ts"),
  "tilegrad/nn": () => import("../../../src/nn/index.ts"),
  "tilegrad/optim": () => import("../../../src/optim/index.ts"),
  "tilegrad/plot": () => import("../../../src/plot/index.ts"),
  "tilegrad/show": () => import("../../../src/show/index.ts"),
  "tilegrad/train": () => import("../../../src/train/index.ts"),
};

/** Datasets that lessons use, by the names of their functions. */
const datasets = ["penguins"];

/**
 * Loads modules by name.
 * @param dataUrl the folder with the files of datasets; undefined in Node, which finds them in its packages.
 */
export function loader(dataUrl: string | undefined): Load {
  return async (name) => {
    const module = modules[name];
    if (!module) throw new Error(`a cell can import ${Object.keys(modules).join(", ")}, not "${name}"`);
    const loaded = await module();
    if (name !== "tilegrad/datasets" || dataUrl === undefined) return loaded;
    const from = (load: unknown) => (options?: object) => (load as Loading)({ baseUrl: dataUrl, ...options });
    return Object.fromEntries(datasets.map((each) => [each, from(loaded[each])]));
  };
}

type Loading = (options: object) => Promise<unknown>;

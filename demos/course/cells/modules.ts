import type { Load } from "./notebook.ts";

type Module = Readonly<Record<string, unknown>>;

/** The public modules of tilegrad that cells may import, each loaded when a cell first does. */
export const modules: Readonly<Record<string, () => Promise<Module>>> = {
  tilegrad: () => import("../../../src/index.ts"),
  "tilegrad/augment": () => import("../../../src/augment/index.ts"),
  "tilegrad/data": () => import("../../../src/data/index.ts"),
  "tilegrad/data/csv": () => import("../../../src/data/csv/index.ts"),
  "tilegrad/data/text": () => import("../../../src/data/text/index.ts"),
  "tilegrad/datasets": () => import("./datasets.ts"),
  "tilegrad/io": () => import("../../../src/io/index.ts"),
  "tilegrad/losses": () => import("../../../src/losses/index.ts"),
  "tilegrad/metrics": () => import("../../../src/metrics/index.ts"),
  "tilegrad/model": () => import("../../../src/model/index.ts"),
  "tilegrad/nn": () => import("../../../src/nn/index.ts"),
  "tilegrad/optim": () => import("../../../src/optim/index.ts"),
  "tilegrad/plot": () => import("../../../src/plot/index.ts"),
  "tilegrad/show": () => import("../../../src/show/index.ts"),
  "tilegrad/torch": () => import("../../../src/torch/index.ts"),
  "tilegrad/train": () => import("../../../src/train/index.ts"),
};

/** Loads by name. @throws Error for what is no module of the table. */
export const load: Load = async (name) => {
  const module = Object.hasOwn(modules, name) && modules[name];
  if (!module) throw new Error(`a cell can import ${Object.keys(modules).join(", ")}, not "${name}"`);
  return module();
};

import type { Library } from "./work.ts";

/** Libraries on WebGPU, each loaded when it is wanted. */
export const libraries = {
  tilegrad: () => import("./tilegrad/library.ts"),
  jaxjs: () => import("./jaxjs/library.ts"),
  tfjs: () => import("./tfjs/library.ts"),
} satisfies Readonly<Record<string, () => Promise<Library>>>;

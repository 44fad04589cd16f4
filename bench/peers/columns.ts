/** A library on one back end. */
export interface Column {
  /** The page's name for it. */
  readonly key: string;
  readonly name: string;
  readonly backend: "webgpu" | "wasm";
}

/** On each back end, the others are compared with the first. */
export const columns: readonly Column[] = [
  { key: "tilegrad", name: "tilegrad", backend: "webgpu" },
  { key: "jaxjs", name: "jax-js", backend: "webgpu" },
  { key: "tfjs", name: "TF.js", backend: "webgpu" },
  { key: "tilegrad-wasm", name: "tilegrad/w", backend: "wasm" },
  { key: "jaxjs-wasm", name: "jax-js/w", backend: "wasm" },
  { key: "tfjs-wasm", name: "TF.js/w", backend: "wasm" },
];

import { libraries as onWebGPU } from "./libraries.ts";
import { serve } from "./serving.ts";
import type { Library } from "./work.ts";

/*
 * A page of one library: `bench.html?library=jaxjs-wasm&threads=2`. The runner opens a new one for each row and calls
 * `globalThis.peer`.
 */

const libraries: Readonly<Record<string, () => Promise<Library>>> = {
  ...onWebGPU,
  "tilegrad-wasm": () => import("./tilegrad/wasm.ts"),
  "jaxjs-wasm": () => import("./jaxjs/wasm.ts"),
  "tfjs-wasm": () => import("./tfjs/wasm.ts"),
};

const asked = new URLSearchParams(location.search);
const threads = Number(asked.get("threads"));

// As many as the libraries find. Without shared memory, as in a page that is not isolated, each computes on one.
Object.defineProperty(navigator, "hardwareConcurrency", { value: threads });
if (threads === 1) Reflect.deleteProperty(globalThis, "SharedArrayBuffer");

Object.assign(globalThis, { peer: serve(libraries[asked.get("library")!]!) });

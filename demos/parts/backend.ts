import { hardwareHere } from "../../src/gpu/adapter.ts";
import type { Backend, DeviceOptions } from "../../src/index.ts";

/** The query of the page's address. Pages give it to their workers as a name. */
const query = "document" in globalThis ? location.search : (globalThis as { readonly name?: string }).name;
const asked = new URLSearchParams(query).get("backend");

/** What the address asks engines to compute with: `?backend=webgpu` or `?backend=wasm`. Without, engines choose. */
export const wanted: Pick<DeviceOptions, "backend"> = asked === "webgpu" || asked === "wasm" ? { backend: asked } : {};

/** What the address asks for that is no backend, as a visitor reads it. */
export const strangeBackend = asked !== null && !wanted.backend ? [`backend=${asked.slice(0, 20)}`] : [];

/** Whether the page has a GPU and its worker, which computes with this, has none. */
export const hasMore = async (backend: Backend): Promise<boolean> =>
  backend === "wasm" && !wanted.backend && (await hardwareHere()) !== undefined;

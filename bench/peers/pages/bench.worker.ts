import { expose, proxy } from "comlink";
import { type Library, serve } from "./serving.ts";

/** A worker of one library, for a page that times them side by side. */
expose((library: Library) => proxy(serve(library)));

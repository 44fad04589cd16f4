import { expose, proxy } from "comlink";
import { libraries } from "./libraries.ts";
import { serve } from "./serving.ts";

/** A worker of one library, for a page that times them side by side. */
expose((library: keyof typeof libraries) => proxy(serve(libraries[library])));

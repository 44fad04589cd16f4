import { type Library, serve } from "./serving.ts";

/*
 * A page of one library: `bench.html?jaxjs`. The runner opens a new one for each row and calls `globalThis.peer`.
 */

Object.assign(globalThis, { peer: serve(location.search.slice(1) as Library) });

/*
 * Tests of WebGPU ask for it: on a machine without a GPU, engines would take WebAssembly, which has tests of its own.
 * This runs before each test file, in Node and in Chrome, and workers import it. Pages have no environment of their own.
 */
const place = globalThis as { process?: { env?: Record<string, string | undefined> } };
place.process ??= {};
place.process.env ??= {};
const { env } = place.process;

/** Lets engines of this place ask for a back end; by default, they take what they find. */
export const askFor = (backend: "webgpu" | ""): void => {
  env["TILEGRAD_BACKEND"] = backend;
};
askFor("webgpu");

import { Engine } from "../src/index.ts";

/** An engine with only what every adapter has, such as eight storage buffers, on a device of its own. */
export const basicEngine = async (): Promise<Engine> =>
  Engine.create({ device: await (await navigator.gpu.requestAdapter())!.requestDevice() });

import { Engine } from "tilegrad";
import { createWasm } from "tilegrad/wasm";
import { type Watched, watched } from "../device.ts";
import { library } from "../work.ts";
import { kernels } from "./kernels.ts";
import * as steps from "./steps.ts";

let opened: Watched;

async function open(): Promise<Engine> {
  const adapter = await createWasm({ threads: navigator.hardwareConcurrency }).requestAdapter();
  const device = await adapter!.requestDevice();
  opened = watched(device);
  return Engine.create({ device });
}

export const make = library(open, { ...kernels, ...steps });
export const finish = () => opened.done();

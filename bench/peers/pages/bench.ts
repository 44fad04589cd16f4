import type { Peer } from "../peer.ts";
import type { Work } from "./work.ts";

/*
 * A page of one library: `bench.html?jaxjs`. The runner opens a new one for each row and calls `globalThis.peer`.
 */

const libraries: Readonly<Record<string, () => Promise<{ make(row: string): Promise<Work> }>>> = {
  tilegrad: () => import("./tilegrad/library.ts"),
  jaxjs: () => import("./jaxjs/library.ts"),
  tfjs: () => import("./tfjs/library.ts"),
};

const { requestDevice } = GPUAdapter.prototype;
let device: GPUDevice | undefined;
let fault: GPUError | undefined;
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  device = await requestDevice.call(this, descriptor);
  device.addEventListener("uncapturederror", ({ error }) => {
    fault ??= error;
  });
  return device;
};

let work: Work;
const finish = async () => {
  work.flush?.();
  await device!.queue.onSubmittedWorkDone();
  // Work that the GPU refuses would take no time.
  if (fault) throw new Error(fault.message);
};

const peer: Peer = {
  async open(row) {
    const { make } = await libraries[location.search.slice(1)]!();
    work = await make(row);
  },

  async results() {
    await work.once();
    const all = await work.result();
    const apart = Math.max(1, Math.floor(all.length / 2000));
    return Array.from(all).filter((_, i) => i % apart === 0 || i === all.length - 1);
  },

  async losses(steps, seconds) {
    const losses: number[] = [];
    const end = performance.now() + 1000 * seconds;
    while (losses.length < steps && (losses.length < 5 || performance.now() < end)) {
      await work.once();
      losses.push((await work.result())[0]!);
    }
    return losses;
  },

  async time(count, read) {
    await finish();
    const start = performance.now();
    for (let i = 0; i < count; i++) await work.once();
    if (read) await work.result();
    await finish();
    return (performance.now() - start) / count;
  },
};

Object.assign(globalThis, { peer });

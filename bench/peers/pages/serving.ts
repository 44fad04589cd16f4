import type { Peer } from "../peer.ts";
import type { Work } from "./work.ts";

const libraries = {
  tilegrad: () => import("./tilegrad/library.ts"),
  jaxjs: () => import("./jaxjs/library.ts"),
  tfjs: () => import("./tfjs/library.ts"),
} satisfies Readonly<Record<string, () => Promise<{ make(row: string): Promise<Work> }>>>;

export type Library = keyof typeof libraries;

/** One library in this page or worker, which must have no other. */
export function serve(library: Library): Peer {
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

  return {
    async open(row) {
      const { make } = await libraries[library]();
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
}

import { readdirSync, readFileSync } from "node:fs";
import { inChrome } from "../opened.ts";
import { openWebGPU } from "../webgpu.ts";
import { type Held, soak } from "./soak.ts";

/** What a soak holds, with the memory of its JavaScript heap and of all its processes, in MiB. */
export interface Sample extends Held {
  readonly heap: number;
  readonly processes: number;
}

const mib = (bytes: number): number => Math.round((bytes / 2 ** 20) * 100) / 100;

/** In this process, which must run with `--expose-gc`. */
export async function soakInNode(steps: number, reports: number, take: (sample: Sample) => void): Promise<void> {
  const { gc } = globalThis;
  if (!gc) throw new Error("the soak counts memory after a collection: start Node with --expose-gc");
  await soak({ gpu: await openWebGPU() }, steps, reports, async (held) => {
    // Twice, with a turn of the event loop in between: objects finalised in one collection are freed in the next.
    for (let i = 0; i < 2; i++) {
      await new Promise(setImmediate);
      await gc();
    }
    const { heapUsed, rss } = process.memoryUsage();
    take({ ...held, heap: mib(heapUsed), processes: mib(rss) });
  });
}

/** In a page of headless Chrome. Memory of processes is counted on Linux only; elsewhere it is 0. */
export const soakInChrome = (steps: number, reports: number, take: (sample: Sample) => void): Promise<void> =>
  inChrome(
    "bench/soak/page.html",
    async (page) => {
      const session = await page.createCDPSession();
      await page.exposeFunction("reportHeld", async (held: Held) => {
        await session.send("HeapProfiler.collectGarbage");
        const { usedSize } = await session.send("Runtime.getHeapUsage");
        take({ ...held, heap: mib(usedSize), processes: mib(residentBytes(page.browser().process()!.pid!)) });
      });
    },
    async (page) => {
      await page.waitForFunction(() => "soakHere" in globalThis);
      await page.evaluate((steps, reports) => globalThis.soakHere(steps, reports), steps, reports);
    },
  );

/** Private memory of a process and its descendants; what they share counts once or not at all. */
function residentBytes(ancestor: number): number {
  if (process.platform !== "linux") return 0;
  const parents = new Map<number, number>();
  const own = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      const field = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
      parents.set(Number(name), field("PPid"));
      own.set(Number(name), 1024 * field("RssAnon"));
    } catch {} // The process has just ended.
  }
  const belongs = (pid: number): boolean => pid === ancestor || (pid > 1 && belongs(parents.get(pid) ?? 0));
  return [...own].reduce((sum, [pid, bytes]) => sum + (belongs(pid) ? bytes : 0), 0);
}

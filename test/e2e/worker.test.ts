import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import type { Browser, Page } from "puppeteer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";

/** Starts a worker, trains and predicts in it, and ends it. */
const program = `
  import { connect } from "./src/worker/index.ts";
  globalThis.restart = async (seen) => {
    const remote = await connect(() => new Worker("/large.worker.js", { type: "module" }));
    const { epochs } = await remote.fit("train", { epochs: 2, batchSize: 8 });
    const { data } = await remote.predict({ data: new Float32Array(512), shape: [1, 512] });
    const bytes = await remote.methods.weigh();
    const last = remote.fit("train", { epochs: 1000 }).catch((error) => error.name);
    await remote.state();
    await seen?.();
    remote.terminate();
    return { epochs: epochs.length, values: data.length, bytes, last: await last };
  };`;

let browser: Browser;
let page: Page;
let server: ReturnType<typeof createServer>;
beforeAll(async () => {
  const common = { bundle: true, format: "esm", write: false, outdir: "out", logLevel: "error" } as const;
  const { outputFiles: pageFiles } = await build({
    ...common,
    stdin: { contents: program, resolveDir: process.cwd() },
  });
  const { outputFiles: workerFiles } = await build({ ...common, entryPoints: ["test/e2e/workers/large.worker.ts"] });
  const files: Readonly<Record<string, string>> = {
    "/page.js": pageFiles[0]!.text,
    "/large.worker.js": workerFiles[0]!.text,
  };
  server = createServer((request, response) => {
    const script = files[request.url!];
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ?? '<script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  browser = await launchChrome();
  page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction("globalThis.restart");
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** What the page and the GPU's process hold, in MiB. */
async function held() {
  const session = await page.createCDPSession();
  for (let i = 0; i < 2; i++) await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  const system = await browser.target().createCDPSession();
  const { processInfo } = await system.send("SystemInfo.getProcessInfo");
  await system.detach();
  const gpu = processInfo.find(({ type }) => type === "GPU")!;
  const status = process.platform === "linux" ? await readFile(`/proc/${gpu.id}/status`, "utf8") : "";
  const resident = Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  return { heap: usedSize / 2 ** 20, gpu: resident, workers: page.workers().length };
}

test("a worker ends and starts again twenty times, and leaves nothing behind", async () => {
  const restart = () => page.evaluate("restart()") as Promise<Record<string, unknown>>;
  for (let i = 0; i < 4; i++) await restart();
  await expect.poll(() => page.workers().length).toBe(0);
  const early = await held();
  let alive = early;
  await page.exposeFunction("seen", async () => {
    alive = await held();
  });
  await page.evaluate("restart(seen)");
  // So a leak would be seen.
  expect(alive.workers).toBe(1);
  if (early.gpu > 0) expect(alive.gpu - early.gpu).toBeGreaterThan(60);
  for (let i = 0; i < 20; i++) {
    const { bytes, ...rest } = await restart();
    expect(rest).toEqual({ epochs: 2, values: 1, last: "StateError" });
    expect(Number(bytes) / 2 ** 20).toBeGreaterThan(95);
  }
  await expect.poll(() => page.workers().length).toBe(0);
  // Chrome frees the memory of an ended worker a little later.
  await expect.poll(async () => (await held()).gpu - early.gpu).toBeLessThan(96);
  const late = await held();
  expect(late.heap - early.heap).toBeLessThan(1);
});

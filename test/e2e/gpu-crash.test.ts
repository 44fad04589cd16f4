import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import type { CDPSession, Page } from "puppeteer";
import { expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";

/** In a page: the result of each call pending when the GPU process died, and all unhandled rejections. */
const pending = `
  import { Engine, exp, input, mul } from "./src/index.ts";
  const unhandled = [];
  addEventListener("unhandledrejection", ({ reason }) => unhandled.push(String(reason)));
  const engine = await Engine.create({ backend: "webgpu" });
  const x = input("x", [64]);
  const sound = await engine.compile({ outputs: { y: mul(x, 2) } });
  await sound.run({ x: new Float32Array(64) });
  const outcome = (promise) => promise.then(() => "no error", (error) => error.name + ": " + error.message);
  // Endless reads and compilations, so that some of each are pending whenever the process dies.
  const until = async (act) => {
    for (let i = 0; ; i++) {
      const said = await outcome(act(i));
      if (said !== "no error") return said;
    }
  };
  const many = (i) =>
    engine.compile({
      outputs: Object.fromEntries(Array.from({ length: 40 }, (_, k) => ["y" + k, exp(mul(input("x" + k, [5 + k]), i + k / 64))])),
    }, { merge: false });
  globalThis.ended = Promise.all([until(many), until(() => sound.outputs.y.data()), until(() => engine.compile({ outputs: { y: mul(x, Math.random()) } }))]);
  globalThis.report = async () => {
    const first = await ended;
    const later = [await outcome(sound.run({ x: new Float32Array(64) })), await outcome(sound.outputs.y.data())];
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return { said: [...first, ...later], unhandled };
  };`;

/** Runs a program of the clone's modules in a page. @param use may crash the GPU process. */
async function inPage(program: string, use: (page: Page, crash: () => Promise<unknown>) => Promise<void>) {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: process.cwd() },
    bundle: true,
    format: "esm",
    write: false,
    splitting: false,
    outdir: "out",
    logLevel: "error",
  });
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? outputFiles[0]!.text : '<script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  // Chrome offers a page no WebGPU for some minutes after two crashes; these are on purpose.
  const browser = await launchChrome({
    args: ["--disable-gpu-process-crash-limit", "--disable-domain-blocking-for-3d-apis"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    const session: CDPSession = await browser.target().createCDPSession();
    await use(page, () => session.send("Browser.crashGpuProcess").catch(() => {}));
  } finally {
    await browser.close();
    server.close();
  }
}

test("when the GPU process dies, everything pending reports that the device is lost, and nothing is left unhandled", async () => {
  await inPage(pending, async (page, crash) => {
    await page.waitForFunction("globalThis.report");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await crash();
    const { said, unhandled } = (await page.evaluate("report()")) as { said: string[]; unhandled: string[] };
    expect(unhandled).toEqual([]);
    for (const each of said) expect(each).toMatch(/^DeviceLostError: the GPU device was lost/);
  });
}, 60_000);

/** In a page: one training without a recovery, and one that waits for a crash before some steps. */
const training = `
  import { Engine, losses, nn, optim } from "./src/index.ts";
  import { recover } from "./src/recover/index.ts";
  import { Trainer } from "./src/train/index.ts";
  import { batchOf, onceAt, training } from "./test/recovering.ts";
  import { askFor } from "./test/webgpu.ts";
  askFor("webgpu");
  const unhandled = [];
  addEventListener("unhandledrejection", ({ reason }) => unhandled.push(String(reason)));
  globalThis.crashes = 0;
  /** Asks for a crash, and works until the device is lost. */
  const crashed = async (engine, busy) => {
    globalThis.wanted = ++globalThis.crashes;
    let isLost = false;
    engine.lost.then(() => (isLost = true));
    while (!isLost) await busy();
  };
  const byHand = async () => {
    const undisturbed = await training();
    const whole = await undisturbed.train(24);
    undisturbed.engine.destroy();
    const { engine, recovery, program, train } = await training();
    const told = [];
    for (const type of ["lost", "restored", "failed"]) recovery.addEventListener(type, () => told.push(type));
    const busy = () => program.compute(batchOf(0)).catch(() => {});
    const after = await train(24, onceAt([6, 12, 18], () => crashed(engine, busy)));
    engine.destroy();
    return { whole, after, told };
  };
  const samples = 64;
  const data = {
    x: { data: Float32Array.from({ length: 3 * samples }, (_, i) => Math.sin(i ** 2)), shape: [samples, 3] },
    y: { data: Int32Array.from({ length: samples }, (_, i) => i % 2), shape: [samples] },
  };
  const fitted = async (isCrashing) => {
    const engine = await Engine.create({ backend: "webgpu" });
    if (isCrashing) recover(engine, { everyMs: 0 });
    nn.seed(5);
    const model = nn.sequential(nn.linear(3, 8), nn.relu(), nn.dropout(0.2), nn.linear(8, 2));
    const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer: optim.adam() });
    const act = onceAt([2, 4, 6], () => isCrashing && crashed(engine, () => new Promise((done) => setTimeout(done, 5))));
    const { epochs } = await trainer.fit(data, { epochs: 8, batchSize: 8, callbacks: [{ onEpochEnd: ({ epoch }) => act(epoch) }] });
    const weights = await Promise.all([...model.variables.values()].map(async (v) => [...(await engine.read(v))]));
    engine.destroy();
    return { losses: epochs.map(({ loss }) => loss), weights };
  };
  globalThis.report = (async () => ({ byHand: await byHand(), fit: [await fitted(false), await fitted(true)], unhandled }))();
  report.catch((error) => console.error(error));
  globalThis.isDone = false;
  report.finally(() => (globalThis.isDone = true));`;

test("a training goes on over three crashes of the GPU process, to the bit: by hand, and with fit", async () => {
  await inPage(training, async (page, crash) => {
    for (let n = 1; n <= 6; n++) {
      // By a timer: a page without a GPU process draws no frames.
      await page.waitForFunction(`globalThis.wanted === ${n} || globalThis.isDone`, { polling: 20 });
      await crash();
    }
    const { byHand, fit, unhandled } = (await page.evaluate("report")) as {
      byHand: { whole: number[]; after: number[]; told: string[] };
      fit: readonly unknown[];
      unhandled: string[];
    };
    expect(byHand.after).toEqual(byHand.whole);
    expect(byHand.told).toEqual(["lost", "restored", "lost", "restored", "lost", "restored"]);
    expect(fit[1]).toEqual(fit[0]);
    expect(unhandled).toEqual([]);
  });
}, 180_000);

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";

/** In a page: the result of each call pending when the GPU process died, and all unhandled rejections. */
const program = `
  import { Engine, exp, input, mul } from "./src/index.ts";
  const unhandled = [];
  addEventListener("unhandledrejection", ({ reason }) => unhandled.push(String(reason)));
  const engine = await Engine.create();
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

test("when the GPU process dies, everything pending reports that the device is lost, and nothing is left unhandled", async () => {
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
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction("globalThis.report");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await (await browser.target().createCDPSession()).send("Browser.crashGpuProcess").catch(() => {});
    const { said, unhandled } = (await page.evaluate("report()")) as { said: string[]; unhandled: string[] };
    expect(unhandled).toEqual([]);
    for (const each of said) expect(each).toMatch(/^DeviceLostError: the GPU device was lost/);
  } finally {
    await browser.close();
    server.close();
  }
}, 60_000);

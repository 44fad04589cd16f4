import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Browser, Page } from "puppeteer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";

/** Multiplies matrices on some threads, again and again. @returns a checksum of the product, and what computed it. */
const program = `
  import { Engine, input, matmul } from "./src/index.ts";
  const n = 300;
  const numbers = (seed) => Float32Array.from({ length: n * n }, (_, i) => Math.sin(i * seed));
  const feeds = { a: numbers(1.3), b: numbers(0.7) };
  export async function multiply(threads, times, seen) {
    const engine = await Engine.create({ backend: "wasm", threads });
    const program = await engine.compile({ outputs: { y: matmul(input("a", [n, n]), input("b", [n, n])) } });
    const sums = new Set();
    for (let i = 0; i < times; i++) {
      const { y } = await program.compute(feeds);
      sums.add(new Uint32Array(y.buffer).reduce((sum, word) => (sum * 31 + word) | 0, 0));
      await new Promise((resolve) => setTimeout(resolve, 10)); // Workers start meanwhile.
    }
    await seen?.();
    const { description } = engine.device.adapterInfo;
    engine.destroy();
    return { sums: [...sums], description };
  }`;

const scripts = {
  "/page.js": `import { multiply } from "program"; globalThis.multiply = multiply;`,
  "/worker.js": `import { multiply } from "program"; multiply(2, 20).then(postMessage);`,
  "/node.js": `import { multiply } from "program"; multiply(2, 10).then((result) => console.log(JSON.stringify(result)));`,
  // An engine that nobody destroys.
  "/forgotten.js": `
    import { Engine, full, matmul } from "./src/index.ts";
    const engine = await Engine.create({ backend: "wasm", threads: 3 });
    const program = await engine.compile({ outputs: { y: matmul(full([400, 400], 1), full([400, 400], 2)) } });
    for (let i = 0; i < 5; i++) await program.compute();
    console.log(engine.device.adapterInfo.description);`,
};

const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const pages: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "/isolated": isolated,
  "/alone": {},
  // It lets WebAssembly run, but no worker start from a text.
  "/strict": { ...isolated, "Content-Security-Policy": "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'" },
};

const codes = new Map<string, string>();
let browser: Browser;
let server: ReturnType<typeof createServer>;
/** The checksum of the product on one thread. */
let sum: number;
beforeAll(async () => {
  // Functions go to workers as text, which compilers that keep names of functions must not break.
  const common = { bundle: true, minify: true, keepNames: true, format: "esm", write: false, outdir: "out" } as const;
  const inner = {
    name: "program",
    setup({ onResolve, onLoad }: import("esbuild").PluginBuild) {
      onResolve({ filter: /^program$/ }, () => ({ path: "program", namespace: "program" }));
      onLoad({ filter: /.*/, namespace: "program" }, () => ({ contents: program, resolveDir: process.cwd() }));
    },
  };
  for (const [name, contents] of Object.entries(scripts)) {
    const external = ["node:*"];
    const stdin = { contents, resolveDir: process.cwd() };
    const { outputFiles } = await build({ ...common, stdin, external, plugins: [inner], logLevel: "error" });
    codes.set(name, outputFiles[0]!.text);
  }
  server = createServer((request, response) => {
    const code = codes.get(request.url!);
    response.setHeader("content-type", code ? "text/javascript" : "text/html");
    const headers = pages[request.url!] ?? isolated;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(code ?? '<script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  browser = await launchChrome();
  const page = await open("/alone");
  const { sums } = await multiply(page, "multiply(1, 1)");
  sum = sums[0]!;
  await page.close();
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function open(path: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}${path}`);
  await page.waitForFunction("globalThis.multiply");
  return page;
}

const multiply = (page: Page, call: string) =>
  page.evaluate(call) as Promise<{ readonly sums: readonly number[]; readonly description: string }>;

test("a page that is not isolated computes on one thread", async () => {
  const page = await open("/alone");
  const description = "WebAssembly on the CPU, 1 thread";
  expect(await multiply(page, "multiply(4, 20)")).toEqual({ sums: [sum], description });
  expect(page.workers().length).toBe(0);
  await page.close();
});

test.each([2, 4])("a page that is isolated computes on %i threads, with the same bits", async (threads) => {
  const page = await open("/isolated");
  let workers = 0;
  await page.exposeFunction("seen", () => {
    workers = page.workers().length;
  });
  const description = `WebAssembly on the CPU, ${threads} threads`;
  expect(await multiply(page, `multiply(${threads}, 20, seen)`)).toEqual({ sums: [sum], description });
  expect(workers).toBe(threads - 1);
  await expect.poll(() => page.workers().length).toBe(0);
  await page.close();
});

test("a worker of such a page has threads, too", async () => {
  const page = await open("/isolated");
  const call = `new Promise((resolve) => {
    new Worker("/worker.js", { type: "module" }).onmessage = ({ data }) => resolve(data);
  })`;
  expect(await multiply(page, call)).toEqual({ sums: [sum], description: "WebAssembly on the CPU, 2 threads" });
  await page.close();
});

test("a page whose policy forbids such workers computes on one thread", async () => {
  const page = await open("/strict");
  expect(await multiply(page, "multiply(2, 20)")).toEqual({
    sums: [sum],
    description: "WebAssembly on the CPU, 1 thread",
  });
  await page.close();
});

const run = promisify(execFile);
async function inNode(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tilegrad-threads-"));
  await writeFile(join(folder, "program.mjs"), codes.get(name)!);
  const { stdout } = await run(process.execPath, [join(folder, "program.mjs")], { timeout: 60_000 });
  await rm(folder, { recursive: true });
  return stdout.trim();
}

test("Node computes with the same bits", async () => {
  expect(JSON.parse(await inNode("/node.js"))).toEqual({
    sums: [sum],
    description: "WebAssembly on the CPU, 2 threads",
  });
});

test("threads keep no program of Node alive", async () => {
  expect(await inNode("/forgotten.js")).toBe("WebAssembly on the CPU, 3 threads");
});

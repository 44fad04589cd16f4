import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { build, preview } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { fetchDeno } from "../deno/fetch.ts";
import { appWithTilegrad, bin, complaints } from "./installed.ts";

/*
 * The programs of demos/examples, in an app that has installed tilegrad.
 */

const examples = resolve(import.meta.dirname, "../../demos/examples");
let app: string;

beforeAll(async () => {
  app = await appWithTilegrad("examples");
  for (const name of ["react", "worker", "server", "deno"])
    await cp(join(examples, name), join(app, name), { recursive: true });
});

afterAll(() => rm(app, { recursive: true, force: true }));

/** As bundlers want it. */
const jsx = { jsx: "react-jsx", allowImportingTsExtensions: true, skipLibCheck: true };

test("pass a strict compiler", async () => {
  expect(await complaints(app, ["react/main.tsx"], { ...jsx, types: ["react"] })).toBe("");
  expect(await complaints(app, ["worker/main.ts"], { ...jsx, types: ["@webgpu/types"] })).toBe("");
  expect(await complaints(app, ["server/server.ts", "deno/main.ts"], { types: ["node"] })).toBe("");
});

test("React trains under StrictMode, and leaves one engine, destroyed at the end", async () => {
  const root = join(app, "react");
  const common = { root, configFile: false, logLevel: "warn" } as const;
  await build({ ...common, mode: "development", build: { target: "esnext", minify: false } });
  const server = await preview({ ...common, preview: { port: 0 } });
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    const faults: unknown[] = [];
    page.on("pageerror", (error) => faults.push(error));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.evaluateOnNewDocument(() => {
      const devices = { made: 0, destroyed: 0 };
      const { requestDevice } = GPUAdapter.prototype;
      const { destroy } = GPUDevice.prototype;
      GPUAdapter.prototype.requestDevice = function (...args) {
        devices.made++;
        return requestDevice.apply(this, args);
      };
      GPUDevice.prototype.destroy = function () {
        devices.destroyed++;
        return destroy.apply(this);
      };
      Object.assign(globalThis, { devices });
    });
    await page.goto(server.resolvedUrls!.local[0]!);
    await page.waitForFunction(() => document.querySelector("#result")?.textContent, { timeout: 120_000 });
    const [, percent] = /^([\d.]+) %/.exec(await page.$eval("#result", (element) => element.textContent!))!;
    expect(Number(percent)).toBeGreaterThan(90);
    const { made, destroyed } = await page.evaluate(
      () => (globalThis as unknown as { devices: { made: number; destroyed: number } }).devices,
    );
    expect(destroyed).toBe(made);
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
  }
});

test("a worker trains under a strict Content-Security-Policy", async () => {
  const root = join(app, "worker");
  await build({ root, logLevel: "warn" });
  const headers = {
    "Content-Security-Policy":
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src data:",
  };
  const server = await preview({ root, logLevel: "warn", preview: { port: 0, headers } });
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    const faults: unknown[] = [];
    page.on("pageerror", (error) => faults.push(error));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    const workers: string[] = [];
    page.on("workercreated", (worker) => workers.push(worker.url()));
    await page.goto(server.resolvedUrls!.local[0]!);
    await page.waitForFunction(() => document.querySelector("#result")!.textContent, { timeout: 120_000 });
    const [, percent] = /^([\d.]+) %/.exec(await page.$eval("#result", (element) => element.textContent!))!;
    expect(Number(percent)).toBeGreaterThan(90);
    expect(workers).toHaveLength(1);
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
  }
});

test("the server answers 200 requests at once, each with its own prediction", async () => {
  const server = spawn(bin("tsx"), [join(app, "server/server.ts")], { env: { ...process.env, PORT: "0" } });
  try {
    let url = "";
    for await (const line of createInterface({ input: server.stdout })) {
      url = line;
      break;
    }
    const ask = async (body: string) => {
      const response = await fetch(url, { method: "POST", body });
      return { status: response.status, body: (await response.json()) as { ring?: number; error?: string } };
    };
    const points = Array.from({ length: 200 }, (_, i) => [(i % 20) / 5 - 2, Math.floor(i / 20) / 2.5 - 2]);
    const together = await Promise.all(points.map((x) => ask(JSON.stringify({ x }))));
    for (const i of [0, 77, 133, 199]) {
      const alone = await ask(JSON.stringify({ x: points[i] }));
      expect(alone.body.ring).toBeCloseTo(together[i]!.body.ring!, 5);
    }
    const isRing = ([x, y]: number[]) => Math.hypot(x!, y!) > 0.7 && Math.hypot(x!, y!) < 1.5;
    const right = together.filter(({ body }, i) => body.ring! > 0.5 === isRing(points[i]!));
    expect(right.length).toBeGreaterThan(170);
    expect(await ask('{"x": [1]}')).toMatchObject({ status: 400, body: { error: expect.stringContaining("predict") } });
    expect(await ask("{")).toMatchObject({ status: 400 });
  } finally {
    server.kill();
  }
});

test.runIf(process.platform === "linux" && process.arch === "x64")("Deno learns a sine", async ({ skip }) => {
  const deno = await fetchDeno().catch((error: Error) => error);
  if (deno instanceof Error && process.env.CI) throw deno;
  if (deno instanceof Error) return skip(deno.message);
  // Deno takes no TypeScript below node_modules.
  const folder = await mkdtemp(join(tmpdir(), "tilegrad-deno-"));
  await symlink(join(app, "node_modules"), join(folder, "node_modules"));
  await cp(join(examples, "deno"), folder, { recursive: true });
  await cp(join(app, "package.json"), join(folder, "package.json"));
  const options = ["-A", "--unstable-webgpu", "--no-lock", "--node-modules-dir=manual"];
  const { stdout } = await promisify(execFile)(process.execPath, [deno, "run", ...options, "main.ts"], { cwd: folder });
  await rm(folder, { recursive: true });
  const values = stdout.trim().split(" ").map(Number);
  expect(values).toHaveLength(3);
  for (const [i, value] of values.entries()) expect(Math.abs(value - Math.sin(i))).toBeLessThan(0.11);
});

import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import type { continueRun } from "./run.ts";

/*
 * Runs that are killed while they save, and continued. Each ends with the same bits as one without a break.
 */

type Result = Awaited<ReturnType<typeof continueRun>>;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-saved-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a run reported before it was killed or ended. */
class Log {
  readonly lines: (readonly [what: string, step: number])[] = [];
  readonly #waiting: (() => void)[] = [];

  add(what: string, step: number): void {
    this.lines.push([what, step]);
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Resolves when the run begins to save for the n-th time. */
  async saving(n: number): Promise<void> {
    while (this.lines.filter(([what]) => what === "saving").length < n)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The step that the run loaded. */
  get loaded(): number {
    return this.lines.find(([what]) => what === "loaded")![1];
  }

  /** The last step known to be saved. */
  get saved(): number {
    return Math.max(0, ...this.lines.filter(([what]) => what === "saved").map(([, step]) => step));
  }

  /** Whether the run was killed in the middle of a save. */
  get isTorn(): boolean {
    return this.lines.at(-1)?.[0] === "saving";
  }
}

/**
 * Kills a run again and again, each time a little later after it began to save. Each continuation must find what was
 * last known to be saved, or something newer.
 * @param start begins or continues the run.
 */
async function killAndContinue(
  kills: number,
  start: (log: Log) => Promise<{ readonly result: Promise<Result>; kill(): Promise<void> }>,
): Promise<Result> {
  let known = 0;
  let torn = 0;
  for (let i = 0; i < kills; i++) {
    const log = new Log();
    const run = await start(log);
    run.result.catch(() => {});
    await log.saving(2 + (i % 2));
    await new Promise((resolve) => setTimeout(resolve, i * 4));
    await run.kill();
    expect(log.loaded, `after kill ${i}`).toBeGreaterThanOrEqual(known);
    known = Math.max(log.saved, log.loaded);
    torn += Number(log.isTorn);
  }
  expect(known).toBeGreaterThan(0);
  expect(torn).toBeGreaterThan(0);
  const log = new Log();
  const last = await start(log);
  const result = await last.result;
  expect(log.loaded).toBeGreaterThanOrEqual(known);
  await last.kill();
  return result;
}

/** Hidden units: with 8,192 a checkpoint takes 1.2 MiB, so a save takes a while. */
const run = { until: 60, width: 8192 };

describe("in Node", () => {
  const program = `
    import { Engine } from "./src/index.ts";
    import { createGPU, folderStore } from "./src/node/index.ts";
    import { continueRun } from "./test/e2e/run.ts";
    const [path, options] = process.argv.slice(1);
    const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
    const engine = await Engine.create({ gpu: await createGPU() });
    const told = (what, step) => say({ what, step });
    say({ result: await continueRun({ engine, store: folderStore(path), told, ...JSON.parse(options) }) });
    engine.destroy();`;

  async function start(path: string, log: Log) {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", program, path, JSON.stringify(run)],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
    const result = new Promise<Result>((resolve, reject) => {
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        const lines = (text + chunk).split("\n");
        text = lines.pop()!;
        for (const line of lines) {
          const said = JSON.parse(line);
          if (said.result) resolve(said.result);
          else log.add(said.what, said.step);
        }
      });
      void ended.then(() => reject(new Error("the process ended")));
    });
    const kill = async () => {
      child.kill("SIGKILL");
      await ended;
    };
    return { result, kill };
  }

  test("a process killed in mid-save continues to the bit from its last complete checkpoint", async () => {
    const whole = await (await start(join(folder, "whole"), new Log())).result;
    expect(whole.history).toHaveLength(run.until);
    const path = join(folder, "killed");
    expect(await killAndContinue(6, (log) => start(path, log))).toEqual(whole);
    const files = (await readdir(path)).filter((name) => !name.startsWith(".part-"));
    expect(files.map((name) => name.split(".")[1]).sort()).toEqual(["step58", "step59", "step60"]);
  });
});

describe("in Chrome", () => {
  let server: ReturnType<typeof createServer>;
  let url = "";
  beforeAll(async () => {
    const program = `
      import { checkpoints } from "./src/checkpoints/index.ts";
      import { Engine, nn, variable } from "./src/index.ts";
      import * as stores from "./src/store/index.ts";
      import { continueRun } from "./test/e2e/run.ts";
      Object.assign(globalThis, { checkpoints, Engine, nn, variable, stores, continueRun });`;
    const stdin = { contents: program, resolveDir: process.cwd() };
    const options = { bundle: true, format: "esm", write: false, outdir: "out", logLevel: "error" } as const;
    const { outputFiles } = await build({ stdin, ...options });
    server = createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? outputFiles[0]!.text : '<script type="module" src="/page.js"></script>');
    });
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
    url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => server.close());

  async function open(browser: Browser): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction("globalThis.continueRun");
    return page;
  }

  /** Starts a browser with its own profile, which outlives it. */
  async function start(profile: string, store: string, log: Log) {
    const browser = await launchChrome({ userDataDir: join(folder, profile) });
    const page = await open(browser);
    await page.exposeFunction("told", (what: string, step: number) => log.add(what, step));
    const call = `(async () => {
      const engine = await Engine.create();
      return continueRun({ engine, store: stores.${store}(), told, ...${JSON.stringify(run)} });
    })()`;
    const result = page.evaluate(call) as Promise<Result>;
    const kill = async () => {
      const chrome = browser.process()!;
      const ended = new Promise((resolve) => chrome.on("exit", resolve));
      chrome.kill("SIGKILL");
      await ended;
    };
    return { result, kill };
  }

  test.each([["opfsStore"], ["indexedDBStore"]])(
    "a browser killed in mid-save continues to the bit from its last complete checkpoint in %s",
    async (store) => {
      const first = await start(`whole-${store}`, "memoryStore", new Log());
      const whole = await first.result;
      await first.kill();
      expect(whole.history).toHaveLength(run.until);
      expect(await killAndContinue(6, (log) => start(`killed-${store}`, store, log))).toEqual(whole);
      const browser = await launchChrome({ userDataDir: join(folder, `killed-${store}`) });
      const page = await open(browser);
      const left = (await page.evaluate(`(async () => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("tilegrad", { create: true });
        const names = [];
        for await (const name of folder.keys()) names.push(name);
        return { names, listed: (await stores.${store}().list()).map(({ name }) => name) };
      })()`)) as { names: string[]; listed: string[] };
      await browser.close();
      expect(left.listed.map((name) => name.split(".")[1])).toEqual(["step58", "step59", "step60"]);
      if (store === "opfsStore") expect(left.names.sort()).toEqual(left.listed);
    },
  );

  describe("alive", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchChrome();
    });
    afterAll(() => browser.close());

    /** In a page: saves a run of one large variable several times, each time with another value. */
    const saveOften = (store: string, from: number) => `(async () => {
      const engine = await Engine.create();
      const weight = variable(new Float32Array(300_000), [300_000], { name: "weight" });
      const saves = checkpoints(stores.${store}, { name: "shared" });
      for (let step = ${from}; step < ${from} + 8; step++) {
        engine.write(weight, step);
        await saves.save(engine, { model: new Map([["weight", weight]]) }, { step, history: [step] });
      }
      engine.destroy();
    })()`;

    test("a checkpoint goes to the user's disk, and comes back from there", async () => {
      const page = await open(browser);
      const downloads = join(folder, "downloads");
      const session = await browser.target().createCDPSession();
      await session.send("Browser.setDownloadBehavior", {
        behavior: "allow",
        downloadPath: downloads,
        eventsEnabled: true,
      });
      const done = new Promise<void>((resolve) => {
        session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve());
      });
      await page.evaluate(`(async () => {
        globalThis.engine = await Engine.create();
        globalThis.weight = variable(new Float32Array([1, 2, 3]), [3], { name: "weight" });
        globalThis.training = { model: new Map([["weight", weight]]) };
        globalThis.saves = checkpoints(stores.userFiles({ accept: ".safetensors" }), { name: "mine" });
        await saves.save(engine, training, { step: 5, history: [0.5] });
      })()`);
      await done;
      const [name] = await readdir(downloads);
      expect(name).toMatch(/^mine\.step5\..*\.safetensors$/);
      await page.evaluate(`document.body.addEventListener("click", () => {
        engine.write(weight, 0);
        globalThis.loaded = stores.upload().then(async (file) => {
          const { step, history } = await saves.load(engine, training, file);
          return { name: file.name, step, history, values: [...(await engine.read(weight))] };
        });
      })`);
      const [chooser] = await Promise.all([page.waitForFileChooser(), page.click("html")]);
      await chooser.accept([join(downloads, name!)]);
      expect(await page.evaluate("loaded")).toEqual({ name, step: 5, history: [0.5], values: [1, 2, 3] });
      const [refused] = await Promise.all([
        page.waitForFileChooser(),
        page.evaluate(`void (globalThis.none = stores.upload())`),
      ]);
      await refused.cancel();
      expect(await page.evaluate("none")).toBeUndefined();
      await page.close();
    });

    test.each([["opfsStore"], ["indexedDBStore"]])("two tabs that save one run to %s never mix", async (name) => {
      const store = name === "opfsStore" ? `${name}({ folder: "two/tabs" })` : `${name}({ name: "two tabs" })`;
      const tabs = [await open(browser), await open(browser)];
      await Promise.all(tabs.map((tab, i) => tab.evaluate(saveOften(store, 100 * i))));
      const found = (await tabs[0]!.evaluate(`(async () => {
        const engine = await Engine.create();
        const weight = variable(new Float32Array(300_000), [300_000], { name: "weight" });
        const training = { model: new Map([["weight", weight]]) };
        const saves = checkpoints(stores.${store}, { name: "shared" });
        const found = [];
        for (const checkpoint of await saves.list()) {
          const { step, history } = await saves.load(engine, training, checkpoint);
          found.push([step, ...history, ...new Set(await engine.read(weight))]);
        }
        const files = (await stores.${store}.list()).length;
        return { found, files };
      })()`)) as { found: number[][]; files: number };
      expect(found.files).toBe(3);
      for (const [step, ...same] of found.found) expect(same).toEqual([step, step]);
      // The last save of one of the tabs came last.
      expect([7, 107]).toContain(found.found[0]![0]);
      for (const tab of tabs) await tab.close();
    });

    test.each([["opfsStore"], ["indexedDBStore"]])(
      "a full quota of %s keeps the older ones, and the error has sizes",
      async (store) => {
        const page = await open(browser);
        const session = await page.createCDPSession();
        const { origin } = new URL(url);
        const clear = () => session.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
        await clear();
        await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 4 * 2 ** 20 });
        const { name, message, steps, latest, after } = (await page.evaluate(`(async () => {
        const engine = await Engine.create();
        const weight = variable(new Float32Array(300_000), [300_000], { name: "weight" });
        const training = { model: new Map([["weight", weight]]) };
        const saves = checkpoints(stores.${store}(), { name: "run", keep: 10 });
        const save = (step) => {
          // Numbers that IndexedDB cannot compress.
          engine.write(weight, Float32Array.from({ length: 300_000 }, Math.random));
          return saves.save(engine, training, { step });
        };
        let step = 0;
        let error;
        while (!error && step < 10) await save(++step).catch((caught) => { error = caught; });
        const steps = (await saves.list()).map(({ step }) => step);
        const { step: latest } = await saves.load(engine, training);
        // Room for one more.
        await saves.remove((await saves.list()).at(-1));
        const { step: after } = await save(++step);
        return { name: error?.name, message: error?.message, steps, latest, after };
      })()`)) as { name: string; message: string; steps: number[]; latest: number; after: number };
        await session.send("Storage.overrideQuotaForOrigin", { origin });
        await clear();
        await page.close();
        expect(name).toBe("StoreError");
        expect(message).toMatch(
          /^\w+ "\w+": no room for "run\.step\d\..*" \(1\.1 MiB\): this site uses \d+\.\d [KM]iB of the 4\.0 MiB that the browser grants it\. All files are as before: /,
        );
        expect(steps.length).toBeGreaterThan(0);
        expect(steps).toEqual(Array.from(steps, (_, i) => steps.length - i));
        expect(latest).toBe(steps[0]);
        expect(after).toBe(latest + 2);
      },
    );
  });
});

import { exec, execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";
import { appWithTilegrad, bin, blocksOf, complaints } from "./installed.ts";

/*
 * The examples of README.md and the pages in the guides, exactly as printed there. For a user: tilegrad is built and
 * installed as a package, and a bundler makes the pages. And in a fresh clone.
 */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
let app: string;
/** Scripts that the page loaded. */
const loaded = new Set<string>();

beforeAll(async () => {
  app = await appWithTilegrad("readme");
  const codes = {
    node: await block("README.md", 0),
    page: await block("README.md", 1),
    script: await block("demos/guides/compile-ahead.md", 0),
    ahead: await block("demos/guides/compile-ahead.md", 1),
    shared: await block("demos/guides/app-gpu.md", 0),
  };
  for (const [name, code] of Object.entries(codes)) await writeFile(join(app, `${name}.ts`), code);
  await run(bin("tsx"), ["script.ts"], { cwd: app });
  const pages = { index: ["", "page", ""], ahead: ["", "ahead", ""], shared: [canvasStandIn, "shared", drawnReds] };
  for (const [name, [before, code, after]] of Object.entries(pages)) {
    const call = `${before} await import("./${code}.ts"); ${after} console.log("the end");`;
    await writeFile(join(app, `${name}.html`), `<script type="module">${call}</script>`);
  }
});

/** Without a compositor on the GPU, Chrome loses the device of a canvas, so the test page uses a texture instead. */
const canvasStandIn = `
  let device, texture;
  HTMLCanvasElement.prototype.getContext = () => ({
    configure(given) {
      device = given.device;
      const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC;
      texture = device.createTexture({ size: [128, 128], format: given.format, usage });
    },
    getCurrentTexture: () => texture,
  });`;

/** Logs how red three pixels of the middle row are, from the middle outwards. */
const drawnReds = `
  const buffer = device.createBuffer({ size: 512 * 128, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: 512 }, [128, 128]);
  device.queue.submit([encoder.finish()]);
  await buffer.mapAsync(GPUMapMode.READ);
  const bytes = new Uint8Array(buffer.getMappedRange());
  const red = texture.format.startsWith("bgra") ? 2 : 0;
  for (const x of [64, 32, 2]) console.log(String(bytes[512 * 64 + 4 * x + red]));`;

afterAll(() => rm(app, { recursive: true, force: true }));

/** A block of TypeScript of a page of the documentation. */
const block = async (page: string, number: number): Promise<string> => (await blocksOf(page))[number]!.code;

test("pass a strict compiler, and so do the package's own types", async () => {
  expect(await complaints(app, ["page.ts", "node.ts", "ahead.ts"], { types: [] })).toBe("");
});

/** What a page writes to the console before "the end"; each requested address is passed to `requested`. */
async function consoleOf(url: string, requested?: (address: string) => void): Promise<string[]> {
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    page.on("request", (request) => requested?.(request.url()));
    const lines: string[] = [];
    await new Promise<void>((done, fail) => {
      page.on("pageerror", fail);
      page.on("console", (message) => {
        if (message.text() === "the end") done();
        else if (message.type() === "log") lines.push(message.text());
      });
      page.goto(url).catch(fail);
    });
    return lines;
  } finally {
    await browser.close();
  }
}

/** What a built page writes to the console. */
async function inChrome(name: string): Promise<string[]> {
  const outDir = `site-${name}`;
  const common = { root: app, configFile: false, logLevel: "warn" } as const;
  await build({
    ...common,
    build: { outDir, target: "esnext", rollupOptions: { input: join(app, `${name}.html`) } },
  });
  const server = await preview({ ...common, build: { outDir }, preview: { port: 0 } });
  try {
    return await consoleOf(`${server.resolvedUrls!.local[0]!}${name}.html`, (url) =>
      loaded.add(join(outDir, new URL(url).pathname)),
    );
  } finally {
    await server.close();
  }
}

/** Gzipped size of scripts in KiB. */
const kibibytes = (codes: readonly (string | Buffer)[]) =>
  codes.reduce((sum, code) => sum + gzipSync(code).length, 0) / 1024;

test("the second learns in a page of Chrome", async () => {
  const lines = await inChrome("index");
  const epochs = lines.slice(0, -1).map((line) => /^epoch \d+: loss ([\d.]+), accuracy ([\d.]+)$/.exec(line)!);
  expect(epochs).toHaveLength(10);
  const [first, last] = [epochs[0]!, epochs.at(-1)!];
  expect(Number(last[1])).toBeLessThan(Number(first[1]) / 2);
  expect(Number(last[2])).toBeGreaterThan(0.9);
  expect(lines.at(-1)).toBe("in the ring");
});

test("the page loads no more of tilegrad than the README says", async () => {
  const [, promised] = /(\d+) KiB gzipped/.exec(await readFile(join(root, "README.md"), "utf8"))!;
  const files = [...loaded].filter((path) => path.endsWith(".js"));
  const all = await Promise.all(files.map((path) => readFile(join(app, path))));
  // Only pages without a GPU load the compiler of kernels to WebAssembly, and the kernels for it.
  const scripts = all.filter((code) => !code.includes("WebAssembly on the CPU") && !code.includes("packed4x8"));
  expect(scripts.length).toBeGreaterThan(0);
  expect(kibibytes(scripts)).toBeLessThanOrEqual(Number(promised));
});

test("a page without a bundler learns, with one file as small as the README says", async () => {
  const text = await readFile(join(root, "README.md"), "utf8");
  const [, page] = /^```html\n(.*?)^```$/ms.exec(text)!;
  const local = page!.replace(/https:\/\/cdn\.jsdelivr\.net\/npm\/tilegrad@[\d.]+/, "/node_modules/tilegrad");
  await writeFile(join(app, "plain.html"), local.replace("</script>", 'console.log("the end");</script>'));
  const server = await serveFolder(app);
  const scripts = new Set<string>();
  try {
    const lines = await consoleOf(`${server.url}plain.html`, (url) => {
      if (url.endsWith(".js")) scripts.add(new URL(url).pathname);
    });
    const losses = lines.map((line) => Number(/^loss ([\d.e-]+)$/.exec(line)?.[1]));
    expect(losses).toHaveLength(3);
    expect(losses[1]).toBeLessThan(losses[0]! / 2);
    expect(losses[2]).toBeLessThan(losses[1]!);
  } finally {
    await server.close();
  }
  expect([...scripts]).toEqual(["/node_modules/tilegrad/dist/tilegrad.js"]);
  const [, promised] = /one file, (\d+) KiB gzipped/.exec(text)!;
  expect(kibibytes([await readFile(join(app, ...scripts))])).toBeLessThanOrEqual(Number(promised));
});

/**
 * Gzipped size in KiB of everything that a page loads to train 784-128-10, without parts fetched on demand (tuner, recorder,
 * self-check, guard). A program compiled ahead of time is part of the page, for GPUs and CPU adapters.
 */
const budgets = {
  compiled: { vite: 58.6, esbuild: 60 },
  trainer: { vite: 72, esbuild: 73.8 },
  ahead: { vite: 23.9, esbuild: 23.6 },
};

describe("a page that trains 784-128-10", () => {
  const training = `
    const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
    const loss = losses.crossEntropy(model(input("x", [64, 784])), input("y", [64], "i32"));
    const training = { outputs: { loss }, updates: optim.adam().minimize(loss) };`;
  const step = `
    await step.run({ x: new Float32Array(64 * 784), y: new Int32Array(64) });
    console.log(await step.outputs.loss.data());`;
  const pages = {
    compiled: `
      import { Engine, input } from "tilegrad";
      import * as losses from "tilegrad/losses";
      import * as nn from "tilegrad/nn";
      import * as optim from "tilegrad/optim";
      ${training}
      const engine = await Engine.create();
      const step = await engine.compile(training);
      ${step}`,
    trainer: `
      import { Engine } from "tilegrad";
      import * as losses from "tilegrad/losses";
      import * as nn from "tilegrad/nn";
      import * as optim from "tilegrad/optim";
      import { Trainer } from "tilegrad/train";
      const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
      const engine = await Engine.create();
      const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer: optim.adam() });
      const x = { data: new Float32Array(64 * 784), shape: [64, 784] };
      console.log((await trainer.fit({ x, y: new Int32Array(64) }, { batchSize: 64 })).epochs);`,
    ahead: `
      import { load, Runner } from "tilegrad/exported";
      import file from "./perceptron.json";
      const { programs: { step } } = await load(await Runner.create(), file);
      ${step}`,
  };

  beforeAll(async () => {
    const script = `
      import { writeFileSync } from "node:fs";
      import { exportPrograms, input, losses, nn, optim } from "tilegrad";
      ${training}
      writeFileSync("perceptron.json", JSON.stringify(exportPrograms({ step: training })));`;
    await writeFile(join(app, "perceptron.ts"), script);
    await run(bin("tsx"), ["perceptron.ts"], { cwd: app });
  });

  describe.each(["compiled", "trainer", "ahead"] as const)("%s", (name) => {
    const budget = budgets[name];

    test(`loads no more than ${budget.vite} KiB as built by Vite`, async () => {
      await writeFile(join(app, "mlp.html"), `<script type="module">${pages[name]}</script>`);
      const built = await build({
        root: app,
        configFile: false,
        logLevel: "warn",
        build: { outDir: "mlp", target: "esnext", rollupOptions: { input: join(app, "mlp.html") } },
      });
      const outputs = [built].flat().flatMap((result) => ("output" in result ? result.output : []));
      const chunks = new Map(outputs.flatMap((chunk) => (chunk.type === "chunk" ? [[chunk.fileName, chunk]] : [])));
      const loads = new Set([...chunks.values()].filter(({ isEntry }) => isEntry));
      for (const { imports } of loads) for (const name of imports) if (chunks.has(name)) loads.add(chunks.get(name)!);
      const first = [...loads].map(({ code }) => code);
      expect(kibibytes(first)).toBeGreaterThan(10);
      expect(kibibytes(first)).toBeLessThanOrEqual(budget.vite);
    });

    test(`loads no more than ${budget.esbuild} KiB as built by esbuild`, async () => {
      const codes = await builtByEsbuild(pages[name]);
      expect(kibibytes(codes)).toBeGreaterThan(10);
      expect(codes.join()).not.toContain("column_major"); // a word of ops that users make
      expect(kibibytes(codes)).toBeLessThanOrEqual(budget.esbuild);
    });
  });
});

/** The scripts that a page loads at first, of a program as esbuild builds it. */
async function builtByEsbuild(program: string): Promise<string[]> {
  await writeFile(join(app, "built.ts"), program);
  const options = ["--bundle", "--minify", "--splitting", "--format=esm", "--outdir=esbuilt", "--metafile=meta.json"];
  await run(bin("esbuild"), ["built.ts", ...options], { cwd: app });
  const { outputs } = JSON.parse(await readFile(join(app, "meta.json"), "utf8"));
  const first = new Set(["esbuilt/built.js"]);
  for (const file of first)
    for (const { path, kind } of outputs[file].imports) if (kind === "import-statement") first.add(path);
  return Promise.all([...first].map((file) => readFile(join(app, file), "utf8")));
}

// A file may hold any op: a page that imports them has all kernels, 50 KiB more than an engine without ops.
test.each([
  { entry: "onnx", name: "importOnnx", beside: "engine", most: 89 },
  { entry: "onnx", name: "importOnnx", beside: "all", most: 26 },
  { entry: "keras", name: "parseKerasWeights", beside: "engine", most: 11 },
] as const)("$name adds $most KiB to a page with $beside, at most", async ({ entry, name, beside, most }) => {
  const pages = {
    engine: `import { Engine } from "tilegrad"; console.log(await Engine.create());`,
    all: `import * as tilegrad from "tilegrad"; console.log(tilegrad);`,
  };
  const before = await builtByEsbuild(pages[beside]);
  const after = await builtByEsbuild(
    `import { ${name} } from "tilegrad/${entry}"; console.log(${name}); ${pages[beside]}`,
  );
  const added = kibibytes(after) - kibibytes(before);
  expect(added).toBeGreaterThan(1);
  expect(added).toBeLessThanOrEqual(most);
});

test("the page compiled ahead of time learns, too", async () => {
  const [loss, weights] = await inChrome("ahead");
  expect(loss).toMatch(/^loss 0\.\d+$/);
  expect(Number(loss!.slice(5))).toBeLessThan(0.3);
  expect(weights).toBe("128 weights");
});

test("the page that shares its GPU draws the output: hot in the middle, cooler at the rim, cold outside", async () => {
  const [middle, rim, outside] = (await inChrome("shared")).map(Number);
  expect(middle).toBeGreaterThan(250);
  expect(rim).toBeGreaterThan(80);
  expect(rim).toBeLessThan(180);
  expect(outside).toBe(0);
});

test("the first runs in Node", async () => {
  const { stdout } = await run(bin("tsx"), ["node.ts"], { cwd: app });
  expect(stdout).toMatch(/14,\s+32,\s+32,\s+77/);
});

describe("in a fresh clone, after the scripts of `npm ci`", () => {
  let clone: string;

  beforeAll(async () => {
    clone = await mkdtemp(join(root, "node_modules/.cache/clone-"));
    const { stdout } = await run("git", ["ls-files", "-z", "--", "src", "shaders", "*.json"], {
      cwd: root,
    });
    for (const file of stdout.split("\0").filter(Boolean)) await cp(join(root, file), join(clone, file));
    await symlink(join(root, "node_modules"), join(clone, "node_modules"));
    await promisify(exec)("npm run prepare", { cwd: clone });
  });

  afterAll(() => rm(clone, { recursive: true, force: true }));

  test.each([
    ["the first program", "README.md", ["node", "first.mjs"], /14,\s+32,\s+32,\s+77/],
    [
      "a program in TypeScript",
      "demos/guides/perceptron.md",
      ["npx", "tsx", "xor.ts"],
      /0\.5 0\.5 0\.5 0\.5\n0\.0 1\.0 1\.0 0\.0/,
    ],
  ] as const)("%s runs by its command", async (_, page, [command, ...rest], expected) => {
    const text = await readFile(join(root, page), "utf8");
    if (page === "README.md") expect(text).toContain([command, ...rest].join(" "));
    await writeFile(join(clone, rest.at(-1)!), await block(page, 0));
    const { stdout } = await run(command, rest, { cwd: clone });
    expect(stdout).toMatch(expected);
  });
});

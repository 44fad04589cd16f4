import { expect, test } from "vitest";
import { goldenDir, readFile } from "../files.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("reads files by paths from the root of the repository and by absolute paths", { tags: ["quick"] }, async () => {
  expect(text(await readFile("test/files.ts"))).toContain("export async function readFile");
  expect(JSON.parse(text(await readFile("package.json"))).name).toBe("tilegrad");
  expect(JSON.parse(text(await readFile(`${goldenDir}/manifest.json`))).cases.length).toBeGreaterThan(100);
  expect((await readFile(`${goldenDir}/binary.safetensors`)).length).toBeGreaterThan(300_000);
});

test("a missing file is an error that names it", async () => {
  await expect(readFile("test/no-such-file.bin")).rejects.toThrow("no-such-file.bin");
  await expect(readFile("/no/such/file.bin")).rejects.toThrow("/no/such/file.bin");
});

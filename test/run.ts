import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseCLI, startVitest } from "vitest/node";

/**
 * `vitest run` with the same arguments, and a last line for scripts: `N passed, N failed`, with `, N skipped` if tests
 * were skipped. A file that cannot be loaded and an error outside of any test count as failed; so does a run without
 * tests. With `--all`, Chrome runs all cases of long lists. With `--onnx`, the ONNX cases are those in `ONNX_DIR`, or all
 * that are beside the repository.
 */
const args = process.argv.slice(2);
if (args.includes("--all")) process.env["VITE_ALL"] = "1"; // Vite passes it to pages, too.
const root = resolve(import.meta.dirname, "..");
const beside = join(root, "../shared/onnx");
const onnxDir = resolve(root, process.env["ONNX_DIR"] ?? (existsSync(beside) ? beside : "test/onnx"));
if (args.includes("--onnx")) {
  // A page cannot list a folder.
  process.env["VITE_ONNX_DIR"] = onnxDir;
  process.env["VITE_ONNX_CASES"] = casesIn(onnxDir).join(" ");
  // The server of pages reads files of the repository and of this folder.
  process.env["GOLDEN_DIR"] = onnxDir;
}
const { filter, options } = parseCLI(["vitest", "run", ...args.filter((arg) => arg !== "--all" && arg !== "--onnx")]);
const vitest = await startVitest("test", filter, { ...options, watch: false });

const count = { passed: 0, failed: vitest.state.getUnhandledErrors().length, skipped: 0, pending: 0 };
for (const module of vitest.state.getTestModules()) {
  const tests = [...module.children.allTests()];
  for (const test of tests) count[test.result().state]++;
  if (module.state() === "failed" && !tests.some((test) => test.result().state === "failed")) count.failed++;
}
await vitest.close();

const failed = count.failed + count.pending;
console.log(`${count.passed} passed, ${failed} failed${count.skipped ? `, ${count.skipped} skipped` : ""}`);
process.exit(failed || !count.passed ? 1 : 0);

/** Names of the ONNX cases in a folder. */
function casesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((kind) => {
    if (!/^(node|light|pytorch-.*)$/.test(kind)) return [];
    const names = readdirSync(join(folder, kind));
    const cases = kind === "light" ? names.flatMap((name) => /^(.*)\.onnx$/.exec(name)?.[1] ?? []) : names;
    return cases.map((name) => `${kind}/${name}`);
  });
}

import { parseCLI, startVitest } from "vitest/node";

/**
 * `vitest run` with the same arguments, and a last line for scripts: `N passed, N failed`, with `, N skipped` if tests
 * were skipped. A file that cannot be loaded and an error outside of any test count as failed; so does a run without
 * tests. With `--all`, Chrome runs all cases of long lists.
 */
const args = process.argv.slice(2);
if (args.includes("--all")) process.env["VITE_ALL"] = "1"; // Vite passes it to pages, too.
const { filter, options } = parseCLI(["vitest", "run", ...args.filter((arg) => arg !== "--all")]);
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

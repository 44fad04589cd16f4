import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);

/*
 * The short form of `npm run soak`: training with reads, writes, checkpoints, compiling and freeing in between.
 */

/** The table's rows, with their cells as numbers. */
async function held(...options: string[]): Promise<number[][]> {
  const { stdout } = await run(
    process.execPath,
    ["--expose-gc", "--import", "tsx", "bench/soak/run.ts", "--steps", "10000", ...options],
    { timeout: 280_000 },
  );
  return stdout
    .trim()
    .split("\n")
    .slice(1)
    .map((row) => row.trim().split(/\s+/).map(Number));
}

test.each([
  ["Node", []],
  ["Chrome", ["--chrome"]],
] as const)("10,000 steps in %s leave nothing behind", async (_, options) => {
  const rows = await held(...options);
  expect(rows).toHaveLength(10);
  const [early, late] = [rows[3]!, rows[9]!];
  const [step, loss, heap, , ...gpu] = late;
  expect(step).toBe(10_000);
  expect(loss).toBeLessThan(rows[0]![1]!);
  // In MiB: 0.36 to 0.77, by what V8 has compiled by then. A leak of 150 bytes a step would be as much again.
  expect(heap! - early[2]!).toBeLessThan(0.9);
  expect(gpu).toEqual(early.slice(4));
});

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
  // V8 still compiles in the first thousands.
  const [early, late] = [rows[6]!, rows[9]!];
  const [step, loss, heap, , ...gpu] = late;
  expect(step).toBe(10_000);
  expect(loss).toBeLessThan(rows[0]![1]!);
  // In MiB: 0.12 in Node, 0.16 in Chrome. A leak of 100 bytes a step would add 0.29.
  expect(heap! - early[2]!).toBeLessThan(0.35);
  expect(gpu).toEqual(early.slice(4));
});

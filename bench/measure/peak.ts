import type { Local } from "../../src/wasm/code/function.ts";
import { ModuleWriter } from "../../src/wasm/code/module.ts";
import { add, f32x4, i32, mul } from "../../src/wasm/code/values.ts";
import { dispatch, prepare } from "../../src/wasm/dispatch.ts";
import { Heap } from "../../src/wasm/memory.ts";
import { Threads } from "../../src/wasm/threads.ts";
import { type Budget, time } from "./clock.ts";

/** Workgroups of a dispatch for each thread, times round the loop in one, and multiply-adds of each chain in a time. */
const groupsPerThread = 64;
const rounds = 2 ** 10;
const unrolled = 4;

/** Those of every kernel: a buffer's address, then where the box of workgroups begins and ends along x, y and z. */
const params = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;

/** A kernel: a loop of x = x · a + b on vectors that do not wait for each other. It reads and writes no memory in it. */
function multiplyAdds(chains: number, isShared: boolean): Uint8Array<ArrayBuffer> {
  const writer = new ModuleWriter();
  const index = writer.procedure(params, (to, out, from: Local<"i32">, end: Local<"i32">) => {
    const [a, b] = [to.local("f32x4", f32x4(0.999)), to.local("f32x4", f32x4(0.001))];
    const values = Array.from({ length: chains }, (_, i) => to.local("f32x4", f32x4(i)));
    to.loop(from, end, () => {
      to.loop(i32(0), i32(rounds), () => {
        for (let i = 0; i < unrolled; i++) for (const x of values) to.set(x, add(mul(x, a), b));
      });
    });
    // Without a use of the results, a compiler could leave out the loop.
    values.forEach((x, i) => {
      to.store(out, x, 16 * i);
    });
  });
  writer.export("run", index);
  return writer.finish(isShared);
}

/**
 * The most multiply-adds on vectors of four floats that WebAssembly does on some threads, in GFLOP/s. WebAssembly
 * multiplies and adds in two instructions, so that results are the same everywhere.
 */
export async function multiplyAddPeak(threads: number, budget: Budget): Promise<number> {
  const heap = new Heap(threads);
  const team = heap.isShared ? new Threads(heap.memory, heap.stacks.slice(1)) : undefined;
  const host = { memory: heap.memory, stack: new WebAssembly.Global({ value: "i32" }, 0) };
  const out = heap.take(1024);
  const rates: number[] = [];
  for (const chains of [8, 10, 12]) {
    const { module, instance } = await WebAssembly.instantiate(multiplyAdds(chains, heap.isShared), { host });
    const run = instance.exports["run"] as (...numbers: number[]) => void;
    const pipeline = { run, module, bindings: [0], speed: { msPerGroup: Number.NaN, runs: 0 } };
    const groups = groupsPerThread * threads;
    const prepared = prepare(pipeline, [out], [groups, 1, 1]);
    const batch = async (runs: number): Promise<number> => {
      const start = performance.now();
      for (let i = 0; i < runs; i++) {
        const command = dispatch(prepared, team);
        while (!command(Number.POSITIVE_INFINITY));
      }
      return performance.now() - start;
    };
    // Short samples: the shortest of many is one that nothing disturbed.
    const { bestMs } = await time(batch, "wall", { ...budget, sampleMs: 1 });
    rates.push((groups * rounds * unrolled * chains * 8) / bestMs / 1e6);
  }
  team?.end();
  return Math.max(...rates);
}

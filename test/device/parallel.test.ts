import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttributeError, Engine, FeedError, losses, nn, optim, StateError } from "../../src/index.ts";
import { dataParallel, joinGroup } from "../../src/parallel/index.ts";
import { batchOf, groups, member, network, weightsOf } from "../parallel.ts";

/* Members with half of the batch each take the steps that one engine takes with all of it. */

let engines: readonly [Engine, Engine, Engine];
beforeAll(async () => {
  engines = [await Engine.create(), await Engine.create(), await Engine.create()];
});
afterAll(async () => {
  for (const engine of engines) await engine.destroy();
});

const steps = 8;

/** Losses and final weights of a training without a group. */
async function alone(samples: number) {
  const [engine] = engines;
  const { model, loss, optimizer } = network(1, samples);
  const program = await engine.compile({ outputs: { loss }, updates: optimizer.minimize(loss) });
  const found: number[] = [];
  for (let step = 0; step < steps; step++) found.push((await program.compute(batchOf(step, 0, samples))).loss[0]!);
  return { losses: found, weights: await weightsOf(engine, model) };
}

/** Largest difference of two lists. */
const distance = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) : Number.NaN;

/** Trains with members that have some samples each, one after the other in the batch. */
async function together(sizes: readonly number[]) {
  const joined = await groups(sizes.length);
  const members = await Promise.all(joined.map((group, i) => member(engines[i]!, group, sizes[i]!)));
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  const found: number[][] = [];
  for (let step = 0; step < steps; step++) {
    const results = await Promise.all(
      members.map(({ parallel }, i) => parallel.step(batchOf(step, starts[i]!, sizes[i]!), { weight: sizes[i]! })),
    );
    found.push(results.map(({ loss }) => loss));
  }
  const weights = await Promise.all(members.map(({ model }, i) => weightsOf(engines[i]!, model)));
  for (const { parallel } of members) parallel.destroy();
  return { losses: found, weights };
}

test.each([[[6, 6]], [[5, 3]], [[4, 1, 7]]])(
  "members with %j samples take the steps of one with all",
  async (sizes) => {
    const all = sizes.reduce((sum, size) => sum + size, 0);
    const expected = await alone(all);
    const found = await together(sizes);
    for (const weights of found.weights) expect(weights).toEqual(found.weights[0]);
    expect(distance(found.weights[0]!, expected.weights)).toBeLessThan(2e-5);
    for (const own of found.losses) expect(new Set(own).size).toBe(1);
    expect(
      distance(
        found.losses.map(([loss]) => loss!),
        expected.losses,
      ),
    ).toBeLessThan(2e-6);
    // And the training went somewhere.
    expect(found.losses.at(-1)![0]).toBeLessThan(0.9 * found.losses[0]![0]!);
  },
);

test("the same training twice gives the same bits", async () => {
  expect(await together([4, 4])).toEqual(await together([4, 4]));
});

describe("what goes wrong in one member", () => {
  const pair = async () => {
    const joined = await groups(2, { timeoutMs: 20_000 });
    const members = await Promise.all(joined.map((group, i) => member(engines[i]!, group, 4)));
    return { joined, members, stepOf: (i: number, feeds: object) => members[i]!.parallel.step(feeds as never) };
  };

  test("unfit feeds fail the step in both, change nothing, and the next step goes on", async () => {
    const { members, stepOf } = await pair();
    const before = await weightsOf(engines[0], members[0]!.model);
    const [here, there] = await Promise.allSettled([stepOf(0, batchOf(0, 0, 4)), stepOf(1, batchOf(0, 4, 3))]);
    expect((there as PromiseRejectedResult).reason).toBeInstanceOf(FeedError);
    expect((here as PromiseRejectedResult).reason).toBeInstanceOf(StateError);
    expect((here as PromiseRejectedResult).reason.message).toMatch(/^rank 1 failed: run: .*"x"/);
    expect(await weightsOf(engines[0], members[0]!.model)).toEqual(before);

    const [a, b] = await Promise.all([stepOf(0, batchOf(0, 0, 4)), stepOf(1, batchOf(0, 4, 4))]);
    expect(a).toEqual(b);
    expect(await weightsOf(engines[0], members[0]!.model)).not.toEqual(before);
    expect(await weightsOf(engines[0], members[0]!.model)).toEqual(await weightsOf(engines[1], members[1]!.model));
  });

  test("a weight of 0 only follows; weights of 0 everywhere are refused", async () => {
    const { members } = await pair();
    const step = (weights: readonly number[]) =>
      Promise.all(members.map(({ parallel }, i) => parallel.step(batchOf(3, 4 * i, 4), { weight: weights[i]! })));
    const { loss } = network(1, 4);
    const program = await engines[0].compile({ outputs: { loss } });
    const first = await step([1, 0]);
    expect(first[1]!.loss).toBeCloseTo((await program.compute(batchOf(3, 0, 4))).loss[0]!, 6);
    await expect(step([0, 0])).rejects.toThrow("step: the weights of all members are 0");
    await expect(step([-1, 1])).rejects.toThrow("step: weight is -1, expected a number from 0");
  });

  test("other models, and other optimizers, are refused in both", async () => {
    const joined = await groups(2);
    const made = joined.map((group, i) => {
      const { model, loss } = network(1, 4);
      const optimizer = i === 0 ? optim.sgd({ lr: 0.1 }) : optim.adam();
      return dataParallel({ engine: engines[i]!, group, variables: nn.stateDict(model), loss, optimizer });
    });
    const [here, there] = await Promise.allSettled(made);
    expect(String((here as PromiseRejectedResult).reason)).toMatch(/of another member differs from that of rank 0/);
    expect(String((there as PromiseRejectedResult).reason)).toMatch(
      /StateError: dataParallel: the models or optimizers differ: rank 1 has optimizer \S+ .*\[.*\], rank 0 has/,
    );
  });

  test("a member whose loss cannot be trained tells the others", async () => {
    const joined = await groups(2);
    const { model, loss, optimizer } = network(1, 4);
    const given = { engine: engines[0], group: joined[0]!, variables: nn.stateDict(model), optimizer };
    const [here, there] = await Promise.allSettled([
      dataParallel({ ...given, loss }),
      dataParallel({ ...given, group: joined[1]!, loss, variables: new Map() }),
    ]);
    expect((there as PromiseRejectedResult).reason).toBeInstanceOf(AttributeError);
    expect(String((here as PromiseRejectedResult).reason)).toMatch(
      /^StateError: rank 1 failed: dataParallel: the loss depends on .*, which variables lack$/,
    );
  });

  test("unfit arguments", async () => {
    const { model, loss, optimizer } = network(1, 4);
    const group = await joinGroup({ rank: 0, ports: [undefined] });
    const given = { engine: engines[0], group, variables: nn.stateDict(model), loss, optimizer };
    const refused = (wrong: object) => expect(dataParallel({ ...given, ...wrong } as never)).rejects;
    await refused({ group: {} }).toThrow("dataParallel: group is an object, expected the result of joinGroup");
    await refused({ variables: [] }).toThrow("dataParallel: variables is []");
    await refused({ optimizer: losses }).toThrow("dataParallel: optimizer");
    await refused({ engine: undefined }).toThrow("dataParallel: engine");
  });
});

test.runIf(typeof Worker === "function")("two workers, each with an engine of its own", async () => {
  const { port1, port2 } = new MessageChannel();
  const workers = [port1, port2].map((port, rank) => {
    const worker = new Worker(new URL("./workers/member.worker.ts", import.meta.url), { type: "module" });
    const answer = new Promise<{ losses: number[]; weights: number[]; error?: string }>((resolve, reject) => {
      worker.addEventListener("message", ({ data }) => resolve(data));
      worker.addEventListener("error", ({ message }) => reject(new Error(message)));
    });
    worker.postMessage({ rank, port, steps, samples: 6 }, [port]);
    return { worker, answer };
  });
  const [a, b] = await Promise.all(workers.map(({ answer }) => answer));
  expect(a!.error).toBeUndefined();
  expect(b).toEqual(a);
  const expected = await alone(12);
  expect(distance(a!.weights, expected.weights)).toBeLessThan(2e-5);
  for (const { worker } of workers) worker.terminate();
});

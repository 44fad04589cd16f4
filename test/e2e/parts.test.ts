import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { appWithTilegrad } from "./installed.ts";

/*
 * The parts of the built package that are loaded on demand are files of their own. They must know the classes of the
 * program that loads them.
 */

const run = promisify(execFile);
let app: string;
beforeAll(async () => {
  app = await appWithTilegrad("parts");
});
afterAll(() => rm(app, { recursive: true, force: true }));

/** What a program for Node prints, as JSON. */
async function printed(program: string): Promise<unknown> {
  await writeFile(join(app, "program.mjs"), program);
  const { stdout } = await run(process.execPath, ["program.mjs"], { cwd: app });
  return JSON.parse(stdout);
}

const start = `
  import * as t from "tilegrad";
  import { createGPU } from "tilegrad/node";
  const engine = await t.Engine.create({ gpu: await createGPU() });
  const x = t.input("x", [2, 3]);
  const layer = t.nn.linear(3, 4);
  const loss = t.mean(layer(x));
  const step = await engine.compile({ outputs: { loss }, updates: t.optim.sgd({ lr: 0.1 }).minimize(loss) });
  const feeds = { x: new Float32Array(6) };
`;

test("a recording holds the weights by their names, with their values", async () => {
  const weights = await printed(`${start}
    const { tensors } = await step.record(feeds);
    const named = (name) => tensors.find((tensor) => tensor.name === name);
    console.log(JSON.stringify(["weight", "bias", "variable"].map((name) => [
      named(name)?.shape ?? null, named(name)?.values !== undefined,
    ])));
    engine.destroy();`);
  expect(weights).toEqual([
    [[4, 3], true],
    [[4], true],
    [null, false],
  ]);
});

test("an error that a recording throws is of the program's class", async () => {
  const caught = await printed(`${start}
    const error = await step.record(feeds, { bins: -1 }).catch((error) => error);
    console.log(JSON.stringify([error.name, error instanceof t.AttributeError]));
    engine.destroy();`);
  expect(caught).toEqual(["AttributeError", true]);
});

import "../../webgpu.ts";
import { Engine } from "../../../src/index.ts";
import { joinGroup } from "../../../src/parallel/index.ts";
import { batchOf, member, weightsOf } from "../../parallel.ts";

/** A member of two in a worker of its own: takes some steps, and answers with its losses and weights. */
self.addEventListener("message", async ({ data: { rank, port, steps, samples } }) => {
  try {
    const engine = await Engine.create();
    const group = await joinGroup({ rank, ports: rank === 0 ? [undefined, port] : [port, undefined] });
    const { model, parallel } = await member(engine, group, samples);
    const losses: number[] = [];
    for (let step = 0; step < steps; step++)
      losses.push((await parallel.step(batchOf(step, rank * samples, samples))).loss);
    self.postMessage({ losses, weights: await weightsOf(engine, model) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
});

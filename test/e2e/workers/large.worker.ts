import { losses, nn, optim } from "../../../src/index.ts";
import { Trainer } from "../../../src/train/index.ts";
import { expose } from "../../../src/worker/index.ts";

/** A model that takes 96 MiB on the GPU, with Adam's moments: a leak of one is seen. */
export default expose(
  (engine) => {
    const model = nn.sequential(nn.linear(512, 16_384), nn.relu(), nn.linear(16_384, 1));
    const trainer = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.adam() });
    const x = { data: Float32Array.from({ length: 8 * 512 }, Math.random), shape: [8, 512] };
    const train = { x, y: { data: new Float32Array(8), shape: [8, 1] } };
    return { trainer, data: { train }, methods: { weigh: () => engine.bytes.variables } };
  },
  { backend: "webgpu" },
);

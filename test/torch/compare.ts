import type { Dataset } from "../../src/data/index.ts";
import { input, type Tensor } from "../../src/index.ts";
import type { Engine } from "../../src/runtime/engine.ts";
import { exportTorch, type TorchFiles } from "../../src/torch/index.ts";
import type { TrainingCase } from "./runs.ts";

/** A column's rows of one batch. */
export function rowsOf(data: Dataset, step: number, size: number): Record<string, Dataset[string]["data"]> {
  const rows = Object.entries(data).map(([name, { data: values, shape }]) => {
    const perEpoch = Math.floor(shape[0]! / size);
    const width = values.length / shape[0]!;
    const from = (step % perEpoch) * size * width;
    return [name, values.subarray(from, from + size * width)] as const;
  });
  return Object.fromEntries(rows);
}

/** Inputs of a batch, as the training's loss takes them. */
export function inputsFor({ options, data }: TrainingCase, size: number): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(options.inputs).map(([name, spec]) => {
      const dtype = "dtype" in spec ? spec.dtype! : "f32";
      return [name, input(name, [size, ...data[name]!.shape.slice(1)], dtype)];
    }),
  );
}

/** Trains a few steps, exports, and trains on. @returns the files, and the losses from there. */
export async function trainBoth(
  engine: Engine,
  training: TrainingCase,
  before: number,
  steps: number,
): Promise<{ files: TorchFiles; losses: number[] }> {
  const { model, options, data } = training;
  const size = options.batchSize!;
  const loss = options.loss(inputsFor(training, size));
  const updates = options.optimizer.minimize(loss, { clip: options.clip ?? [] });
  const program = await engine.compile({ outputs: { loss }, updates });
  for (let step = 0; step < before; step++) await program.run(rowsOf(data, step, size) as never);
  const files = await exportTorch(engine, { model, ...options, data });
  const losses: number[] = [];
  // Without a count of steps in the checkpoint, PyTorch begins with the first batch.
  const counts = "step" in options.optimizer && options.optimizer.step !== undefined;
  for (let step = 0; step < steps; step++) {
    const result = await program.compute(rowsOf(data, (counts ? before : 0) + step, size) as never);
    losses.push((result.loss as Float32Array)[0]!);
  }
  return { files, losses };
}

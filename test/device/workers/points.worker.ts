import "../../webgpu.ts";
import { AttributeError, type Engine, io, losses, nn, optim } from "../../../src/index.ts";
import { opfsStore, StoreError } from "../../../src/store/index.ts";
import { Trainer } from "../../../src/train/index.ts";
import { expose, moved } from "../../../src/worker/index.ts";

export const x = { data: Float32Array.from({ length: 128 }, (_, i) => Math.sin(i * i)), shape: [64, 2] };
export const y = {
  data: Float32Array.from({ length: 64 }, (_, i) => x.data[2 * i]! - x.data[2 * i + 1]!),
  shape: [64, 1],
};

/** What a worker or page with this file trains. */
export function trainerOf(engine: Engine) {
  nn.seed(3);
  const model = nn.sequential(nn.linear(2, 16), nn.tanh(), nn.dropout(0.1), nn.linear(16, 1));
  const metrics = { distance: losses.l1 };
  return new Trainer({ engine, model, loss: losses.mse, optimizer: optim.adam({ lr: 0.02 }), metrics });
}

interface Given {
  readonly fail?: boolean;
  readonly table?: Float32Array;
}

export default expose(async (engine, { fail = false, table = new Float32Array(0) }: Given, tell) => {
  tell({ loaded: 0.5 });
  if (fail) throw new AttributeError("setup: no such table", { cause: new RangeError("row 7") });
  const trainer = trainerOf(engine);
  tell({ loaded: 1 });
  let last: Float32Array | undefined;
  return {
    trainer,
    data: { train: { x, y }, validation: { x, y } },
    methods: {
      sumOfTable: () => table.reduce((a, b) => a + b, 0),
      /** Moves an array to the page, which `isGone` then confirms. */
      give(length: number) {
        last = new Float32Array(length).fill(7);
        return moved({ last });
      },
      copy: () => ({ last: new Float32Array(3).fill(1), kept: last?.length }),
      isGone: () => last?.buffer.byteLength === 0,
      total: async (values: Float32Array) => values.reduce((a, b) => a + b, 0),
      fail(kind: string): never {
        if (kind === "store")
          throw new StoreError("opfsStore: no room", { cause: new DOMException("full", "QuotaExceededError") });
        if (kind === "text") throw "just text";
        if (kind === "object") throw { status: 404 };
        if (kind === "dom") throw new DOMException("stopped", "AbortError");
        class OwnError extends Error {
          override name = "OwnError";
        }
        throw new OwnError("mine");
      },
      loadWeights: (bytes: Uint8Array) => io.loadSafetensors(engine, trainer.variables, bytes),
      lose: () => engine.device.destroy(),
      /** Writes a file from here, and reads it again. */
      async keep(folder: string) {
        const store = opfsStore({ folder });
        await store.write("file", new Uint8Array([1, 2, 3]));
        await store.write("file", new Uint8Array([4, 5]));
        return { read: [...(await store.read("file"))!], names: (await store.list()).map(({ name }) => name) };
      },
    },
  };
});

import "../../webgpu.ts";
import { input, mul } from "../../../src/index.ts";
import { expose } from "../../../src/worker/index.ts";

/** A worker without a trainer. */
export default expose(async (engine) => {
  const program = await engine.compile({ outputs: { twice: mul(input("x", [2]), 2) } });
  return {
    methods: {
      twice: async (x: Float32Array) => (await program.compute({ x })).twice,
      vanish(): Promise<never> {
        self.close();
        return new Promise(() => {});
      },
    },
  };
});

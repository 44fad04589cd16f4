import { expose, moved } from "../../src/worker/index.ts";
import { Lab } from "./lab.ts";
import type { Settings } from "./settings.ts";

/** Trains the network of the page; the page asks for a frame whenever it is ready to draw one. */
export default expose((engine) => {
  const lab = new Lab(engine);
  return {
    methods: {
      configure: async (settings: Settings, fresh: boolean) => moved(await lab.configure(settings, fresh)),
      advance: async (steps: number) => moved(await lab.advance(steps)),
    },
  };
});

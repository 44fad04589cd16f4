import { expose, moved } from "../../src/worker/index.ts";
import { Lab } from "./lab.ts";
import type { Settings } from "./settings.ts";

/** What the page tells the worker, whose own address is another. */
export interface Given {
  /** Address of the page. */
  readonly base: string;
}

/** Trains the networks of the page; the page asks for what it draws when it is ready to draw it. */
export default expose((engine, { base }: Given, tell: (share: number) => void) => {
  const lab = new Lab(engine, base, tell);
  return {
    methods: {
      configure: (settings: Settings) => lab.configure(settings),
      advance: (steps: number) => lab.advance(steps),
      record: () => lab.record(),
      examine: async () => moved(await lab.examine()),
      look: async (image: Uint8Array) => moved(await lab.look(image)),
      test: async () => (await lab.digits()).test,
    },
  };
});

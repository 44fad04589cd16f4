import { expose, moved } from "../../src/worker/index.ts";
import { wanted } from "../parts/backend.ts";
import type { Course } from "./course.ts";
import { Lab } from "./lab.ts";
import type { NetworkName, Settings } from "./settings.ts";
import type { Chosen, Replacement } from "./stepKernels.ts";

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
      examine: async (endsScore: boolean) => moved(await lab.examine(endsScore)),
      kernels: (network: NetworkName, forced?: Pick<Chosen, "family" | "variant">) => lab.kernels(network, forced),
      errors: (wgsl: string) => lab.errors(wgsl),
      replace: (replacement: Replacement | undefined) => lab.replace(replacement),
      look: async (image: Uint8Array) => moved(await lab.look(image)),
      save: async (course: Course) => moved(await lab.save(course)),
      export: async (network: NetworkName) => moved(await lab.export(network)),
      keep: (course: Course) => lab.keep(course),
      about: async (bytes: Uint8Array, name: string) => (await import("./keeping.ts")).aboutOf(bytes, name),
      open: (bytes?: Uint8Array, name?: string) => lab.open(bytes, name),
      test: async () => (await lab.digits()).test,
    },
  };
}, wanted);

import { expose, moved } from "../../src/worker/index.ts";
import { wanted } from "../parts/backend.ts";
import type { Lab } from "./lab.ts";

/** Runs ONNX models when the page asks. What reads them is loaded with the first. */
export default expose((engine) => {
  let made: Promise<Lab> | undefined;
  const lab = (): Promise<Lab> => {
    made ??= import("./lab.ts").then(({ Lab }) => new Lab(engine));
    return made;
  };
  return {
    methods: {
      open: async (...given: Parameters<Lab["open"]>) => (await lab()).open(...given),
      prepare: async (...given: Parameters<Lab["prepare"]>) => (await lab()).prepare(...given),
      run: async (...given: Parameters<Lab["run"]>) => moved(await (await lab()).run(...given)),
    },
  };
}, wanted);

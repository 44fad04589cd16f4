import type { KernelInfo } from "../../src/index.ts";
import { expose, moved } from "../../src/worker/index.ts";
import { wanted } from "../parts/backend.ts";
import type { Place } from "./frame.ts";
import { Lab } from "./lab.ts";
import type { Settings } from "./settings.ts";

/** Trains the networks of the page, one or two; the page asks for frames whenever it is ready to draw. */
export default expose((engine) => {
  let labs: Lab[] = [];
  /** Milliseconds of the last drawing. */
  let drawing = 0;
  /** Steps between two drawings at full speed. */
  let burst = 16;
  const frames = async () => {
    const begun = performance.now();
    const all = await Promise.all(labs.map((lab) => lab.frame()));
    drawing = performance.now() - begun;
    return moved(all);
  };
  /** Trains the first network for some steps, and the other for as many epochs. */
  const train = async (steps: number): Promise<void> => {
    const [first, second] = labs;
    await first!.advance(steps);
    await second?.follow(first!.epoch);
  };
  return {
    methods: {
      /** @param runs the settings of each network. */
      async configure(runs: readonly Settings[], fresh: boolean) {
        for (const lab of labs.slice(runs.length)) lab.free();
        labs = runs.map((_, i) => labs[i] ?? new Lab(engine));
        for (const [i, lab] of labs.entries()) await lab.configure(runs[i]!, fresh);
        return frames();
      },
      async advance(steps: number) {
        await train(steps);
        return frames();
      },
      /**
       * Trains for about some milliseconds, or for as long as a drawing takes, if that is longer.
       * @param most steps.
       */
      async advanceFor(ms: number, most: number) {
        const begun = performance.now();
        await train(Math.min(burst, most));
        await engine.device.queue.onSubmittedWorkDone();
        const isShort = performance.now() - begun < 1.5 * Math.max(ms, drawing);
        burst = isShort ? Math.min(5000, 2 * burst) : Math.max(16, burst >> 1);
        return frames();
      },
      async edit(run: number, place: Place, value: number) {
        await labs[run]?.edit(place, value);
        return frames();
      },
      /** Trains one network for a step, and the other for as many epochs. @returns a recording of the step. */
      async record(run: number) {
        const [first, second] = labs;
        const recording = await labs[run]!.record();
        await first!.follow(labs[run]!.epoch);
        await second?.follow(first!.epoch);
        return { recording, frames: await frames() };
      },
      /** The dispatches of one step. */
      async inspect(run: number): Promise<readonly KernelInfo[]> {
        return labs[run]?.step?.inspect().kernels ?? [];
      },
    },
  };
}, wanted);

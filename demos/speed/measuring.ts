import type { Report } from "../../bench/measure/result.ts";
import { measure, type SuiteOptions } from "../../bench/measure/suite.ts";
import { speedTest } from "../../bench/speed.ts";
import { Engine } from "../../src/index.ts";
import { wanted } from "../parts/backend.ts";

/** What the page hears. */
export type News =
  | {
      readonly ready: Pick<Engine, "adapter" | "backend" | "backendReason"> & { readonly cpu: boolean };
      /** The lock that a worker holds while it lives. */
      readonly lock?: string | undefined;
    }
  /** There is no GPU here. */
  | { readonly missing: string }
  | { readonly report: Report }
  | { readonly done: true }
  | { readonly failed: string }
  | { readonly lost: string };

/** Measures on request what `npm run bench -- --speed` does, in a worker or in the page. */
export class Measuring {
  readonly #tell: (news: News) => void;
  readonly #engine: Promise<Engine>;

  /** @param tell if it throws, the measurement ends. */
  constructor(tell: (news: News) => void) {
    this.#tell = tell;
    this.#engine = Engine.create(wanted);
    this.#engine.then(
      ({ adapter, traits, backend, backendReason, device }) => {
        tell({ ready: { adapter, cpu: traits.cpu, backend, backendReason } });
        void device.lost.then(({ message }) => tell({ lost: message }));
      },
      ({ message }) => tell({ missing: message }),
    );
  }

  async measure(options: SuiteOptions): Promise<void> {
    try {
      const { device } = await this.#engine;
      await measure("page", { device }, speedTest, options, (report) => this.#tell({ report }));
      this.#tell({ done: true });
    } catch (error) {
      this.#tell({ failed: (error as Error).message });
    }
  }
}

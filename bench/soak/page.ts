import { type Held, soak } from "./soak.ts";

declare global {
  /** Called by the page with each report; provided by its driver. */
  var reportHeld: (held: Held) => Promise<void>;
  var soakHere: (steps: number, reports: number) => Promise<void>;
}

globalThis.soakHere = (steps, reports) =>
  soak({ backend: "webgpu" }, steps, reports, (held) => globalThis.reportHeld(held));

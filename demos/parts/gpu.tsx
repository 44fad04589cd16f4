import { reasonWithoutWebGPU } from "./unsupported.ts";

export interface AdapterProps {
  readonly adapter: string;
  /** Whether the adapter is a CPU. */
  readonly cpu: boolean;
  /** Why it computes in the page and not in a worker, if so. */
  readonly reason: string | undefined;
}

/** Which adapter a page runs on, in plain words. */
export function Adapter({ adapter, cpu, reason }: AdapterProps) {
  return (
    <p class="adapter">
      Runs on <strong>{adapter}</strong>
      {cpu
        ? ", which is software: your processor does the work of a graphics processor. It gives the same results, slower. " +
          "To use a graphics processor, turn on hardware acceleration in the browser's settings."
        : ", through WebGPU."}
      {reason !== undefined && ` It computes in this page: ${reason}.`}
    </p>
  );
}

/** What a visitor without WebGPU can do. */
export function Unsupported({ error }: { readonly error: Error }) {
  return (
    <section class="card unsupported" role="alert">
      <h2>
        {navigator.gpu
          ? "This page could not start"
          : "This page needs WebGPU, which this browser does not provide here"}
      </h2>
      <p>{reasonWithoutWebGPU(error)}</p>
      {navigator.gpu && (
        <p>
          <button type="button" class="button" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
      )}
      <ul>
        <li>
          <strong>Chrome or Edge</strong> 113 and later have it. On Linux, you may need to turn on{" "}
          <code>chrome://flags/#enable-unsafe-webgpu</code>.
        </li>
        <li>
          <strong>Safari</strong> 26 and later have it, also on iPhone and iPad.
        </li>
        <li>
          <strong>Firefox</strong> 141 and later have it on Windows, 145 and later on Macs with Apple silicon.
        </li>
      </ul>
      <p>If yours is one of these, check that hardware acceleration is on in its settings.</p>
    </section>
  );
}

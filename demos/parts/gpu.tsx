import type { Backend } from "../../src/index.ts";
import { wanted } from "./backend.ts";
import { Unread } from "./unread.tsx";
import { reasonWithoutWebGPU } from "./unsupported.ts";

export interface AdapterProps {
  readonly adapter: string;
  /** Whether the adapter is a CPU. */
  readonly cpu: boolean;
  readonly backend: Backend;
  readonly backendReason: string;
  /** Why it computes in the page and not in a worker, if so. */
  readonly reason: string | undefined;
}

/** How many threads WebAssembly has in this page: as `createWasm`, which only pages without a GPU load. */
const threads = globalThis.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1;

/** Below the heading of a page: what it runs on once that is known, and which parts of the link it did not understand. */
export const RunsOn = ({
  what,
  unread,
}: {
  readonly what: AdapterProps | undefined;
  readonly unread?: readonly string[];
}) => (
  <>
    <div class="runs-on">{what && <Adapter {...what} />}</div>
    <Unread parts={unread} />
  </>
);

/** What a page runs on, in plain words. */
function Adapter({ adapter, cpu, backend, backendReason, reason }: AdapterProps) {
  if (backend === "wasm") {
    const why = backendReason === "no adapter" ? "this browser found no GPU it may use" : backendReason;
    // A lesson in one file has no guides beside it.
    const guide = document.querySelector(".home") ? "../guides/browsers.html#without-webgpu" : undefined;
    return (
      <p class="adapter">
        Runs in {guide ? <a href={guide}>WebAssembly on the CPU</a> : "WebAssembly on the CPU"} (
        {threads === 1 ? "1 thread" : `${threads} threads`}): {wanted.backend ? "the page's address asks for it" : why}.
      </p>
    );
  }
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

/** Why a page computes nothing, and what its visitor can do. */
export function Unsupported({ error }: { readonly error: Error }) {
  const isAsked = wanted.backend === "webgpu";
  return (
    <section class="card unsupported" role="alert">
      <h2>
        {isAsked && !navigator.gpu
          ? "The address of this page asks for WebGPU, which this browser does not provide here"
          : "This page could not start"}
      </h2>
      <p>{isAsked ? reasonWithoutWebGPU(error) : error.message}</p>
      {(!isAsked || navigator.gpu) && (
        <p>
          <button type="button" class="button" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
      )}
      {isAsked && <WithWebGPU />}
    </section>
  );
}

const WithWebGPU = () => (
  <>
    <p>
      Without <code>?backend=webgpu</code> in its address, the page computes on the CPU:{" "}
      <a href={location.pathname + location.hash}>open it so</a>.
    </p>
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
  </>
);

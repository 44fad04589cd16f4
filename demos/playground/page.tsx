import { Failure } from "../parts/failure.tsx";
import { Adapter, Unsupported } from "../parts/gpu.tsx";
import { Data } from "./data.tsx";
import { Drawing } from "./drawing.tsx";
import { Options } from "./options.tsx";
import { Panels } from "./panels.tsx";
import { Result } from "./result.tsx";
import * as session from "./session.ts";
import { Toolbar } from "./toolbar.tsx";

export function Page() {
  if (session.missing.value) return <Unsupported error={session.missing.value} />;
  const { remote, failure } = session;
  return (
    <>
      <Failure reason={failure.value} />
      <Toolbar />
      <div class={`playground${session.networks.value.length > 1 ? " both" : ""}`}>
        <Data />
        <Drawing />
        <Result />
      </div>
      <Options />
      <Panels />
      <p class="hint">
        The address of this page holds all settings. A reload or a shared link starts from step 0 with the settings of
        the moment: what you changed on the way then holds from the start, and numbers typed into the network are drawn
        anew.
      </p>
      {remote.value && <Adapter {...remote.value} />}
    </>
  );
}

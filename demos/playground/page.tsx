import { Failure } from "../parts/failure.tsx";
import { RunsOn, Unsupported } from "../parts/gpu.tsx";
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
      <RunsOn what={remote.value} unread={session.strange} />
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
        {session.unkept.value === undefined
          ? "The address of this page holds all settings and what you changed on the way: a reload or a shared link starts from step 0, makes the same changes at the same steps, and gives the same losses."
          : `A reload or a shared link will not give the losses of this page, because ${session.unkept.value}: it starts from step 0 with the settings of the moment. Reset does so here.`}
      </p>
    </>
  );
}

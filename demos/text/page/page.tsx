import { Failure } from "../../parts/failure.tsx";
import { RunsOn, Unsupported } from "../../parts/gpu.tsx";
import { Distance } from "./distance.tsx";
import { Elsewhere } from "./elsewhere.tsx";
import { ExamCard } from "./exam.tsx";
import { Learning } from "./learning.tsx";
import { Looking } from "./looking.tsx";
import { Options } from "./options.tsx";
import * as session from "./session.ts";
import { Toolbar } from "./toolbar.tsx";
import { Writing } from "./writing.tsx";

export function Page() {
  if (session.missing.value) return <Unsupported error={session.missing.value} />;
  const { remote, failure } = session;
  return (
    <>
      <RunsOn what={remote.value} unread={session.strange} />
      <Failure reason={failure.value} />
      <Toolbar />
      <Options />
      <div class="columns">
        {session.tagging() ? <ExamCard /> : <Writing />}
        <Learning />
      </div>
      <Looking />
      {!session.tagging() && <Distance />}
      <Elsewhere />
      <p class="credits">
        The texts are in the public domain: <a href="data/LICENCES.txt">where they come from</a>.
      </p>
    </>
  );
}
